"""The report in a browser: quiet, readable in both schemes and at both widths, by keyboard too."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, sync_playwright

from waste_assets_tests.report.conftest import Reported

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
pytestmark = pytest.mark.skipif(
    CHROMIUM is None, reason="no Chromium here: install one (Debian: apt install chromium)"
)
PHONE, DESK = {"width": 390, "height": 800}, {"width": 1280, "height": 900}
SCHEMES = ("light", "dark")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        # In a container there is no sandbox to be had.
        one = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield one
        one.close()


class Visit:
    """A page that has been opened, and all that it did besides."""

    def __init__(self, browser: Browser, path: Path, scheme: Any, viewport: Any) -> None:
        context = browser.new_context(color_scheme=scheme, viewport=viewport)
        self.page = context.new_page()
        self.said: list[str] = []
        self.asked: list[str] = []
        self.page.on("console", lambda message: self.said.append(message.text))
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.goto(path.as_uri())


def chosen(report: Reported) -> list[Path]:
    """The first page, and the page of the most wasteful session."""
    index = report.written.index
    sessions = report.written.told["sessions"]
    dearest = f"{sessions[0]['session_id']}.html" if sessions else report.pages[1].name
    return [index, report.folder / "sessions" / dearest]


def test_a_page_loads_without_a_word_and_without_a_request(
    browser: Browser, sample: Reported, hostile: Reported
) -> None:
    for path in (*chosen(sample), *hostile.pages):
        visit = Visit(browser, path, "light", DESK)
        assert visit.said == []
        assert [url for url in visit.asked if not url.startswith("data:")] == [path.as_uri()]
        assert visit.page.evaluate("[document.scripts.length, window.hit]") == [0, None]
        # The style sheet is let in by its hash.
        assert visit.page.evaluate("getComputedStyle(document.body).marginTop") == "0px"
        visit.page.context.close()


@pytest.mark.parametrize("viewport", [PHONE, DESK], ids=["phone", "desk"])
def test_no_page_is_wider_than_its_window(
    browser: Browser, sample: Reported, hostile: Reported, viewport: dict[str, int]
) -> None:
    for path in (*chosen(sample), *hostile.pages):
        visit = Visit(browser, path, "light", viewport)
        # Tables that are folded away count too.
        visit.page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
        assert visit.page.evaluate("document.documentElement.scrollWidth") <= viewport["width"]
        visit.page.context.close()


def test_both_schemes_are_drawn_and_differ(browser: Browser, sample: Reported) -> None:
    for path in chosen(sample):
        pictures, grounds = set(), set()
        for scheme in SCHEMES:
            visit = Visit(browser, path, scheme, DESK)
            picture = visit.page.screenshot()
            # A blank one of this size has some five thousand bytes.
            assert len(picture) > 30_000
            pictures.add(picture)
            grounds.add(visit.page.evaluate("getComputedStyle(document.body).backgroundColor"))
            visit.page.context.close()
        assert len(pictures) == len(grounds) == 2


#: Contrast of each text with what lies behind it (WCAG 2): the texts that have too little.
_FAINT = """() => {
  const parse = text => (text.match(/[\\d.]+/g) || []).map(Number);
  const light = ([r, g, b]) => [r, g, b]
    .map(v => (v / 255 <= 0.04045 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4))
    .reduce((sum, v, n) => sum + v * [0.2126, 0.7152, 0.0722][n], 0);
  const behind = element => {
    for (let one = element; one; one = one.parentElement) {
      const color = parse(getComputedStyle(one).backgroundColor);
      if (color.length === 3 || color[3] > 0) return color;
    }
    return [255, 255, 255];
  };
  const faint = [];
  let seen = 0;
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const node = walker.currentNode, element = node.parentElement;
    if (!node.data.trim() || element.closest('title, style, .skip, .defs')) continue;
    const style = getComputedStyle(element);
    const ink = light(parse(element.closest('svg') ? style.fill : style.color));
    const ground = light(behind(element));
    const ratio = (Math.max(ink, ground) + 0.05) / (Math.min(ink, ground) + 0.05);
    seen += 1;
    if (ratio < 4.5) faint.push([node.data.trim().slice(0, 40), ratio]);
  }
  return [seen, faint];
}"""


@pytest.mark.parametrize("scheme", SCHEMES)
def test_every_text_has_contrast(browser: Browser, sample: Reported, scheme: str) -> None:
    for path in chosen(sample):
        visit = Visit(browser, path, scheme, DESK)
        seen, faint = visit.page.evaluate(_FAINT)
        assert seen > 200 and faint == []
        visit.page.context.close()


def test_the_keyboard_reaches_the_sessions(browser: Browser, sample: Reported) -> None:
    visit = Visit(browser, sample.written.index, "light", DESK)
    focused = "[document.activeElement.getAttribute('href'), document.activeElement.tagName]"
    reached = []
    for _ in range(60):
        visit.page.keyboard.press("Tab")
        now = visit.page.evaluate(focused)
        if now[1] == "BODY":
            # Past the last one.
            break
        reached.append(now)
        outline = visit.page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        assert outline == "solid", reached[-1]
    assert reached[0] == ["#main", "A"]
    assert [None, "SUMMARY"] in reached
    session = next(n for n, (href, _) in enumerate(reached) if (href or "").startswith("sessions/"))
    # The link that has the focus leads to the page, and back again.
    visit.page.locator(f'a[href="{reached[session][0]}"]').focus()
    visit.page.keyboard.press("Enter")
    visit.page.wait_for_url("**/sessions/*.html")
    visit.page.get_by_role("link", name="All sessions").press("Enter")
    visit.page.wait_for_url("**/index.html")
    visit.page.context.close()


def test_a_chart_says_what_it_shows(browser: Browser, sample: Reported) -> None:
    """A name for those who do not see it, a table beside it, a tooltip on each column."""
    visit = Visit(browser, sample.written.index, "light", DESK)
    chart = visit.page.get_by_role("img", name="What each day cost")
    assert chart.count() == 1
    table = visit.page.get_by_role("table", name="What each day cost")
    assert not table.is_visible()
    visit.page.get_by_text("The same as a table").first.click()
    assert table.is_visible()
    rows = table.get_by_role("row").count()
    assert rows == len(sample.written.told["trend"]["columns"]) + 1
    assert chart.locator("title").count() == rows - 1
    # Columns are drawn within the chart, and as wide as it on any screen.
    for width in (390, 1280):
        visit.page.set_viewport_size({"width": width, "height": 800})
        frame = chart.bounding_box()
        boxes = [one.bounding_box() for one in chart.locator(".hit").all()]
        assert frame and all(boxes)
        assert boxes[0]["x"] == pytest.approx(frame["x"], abs=1)  # type: ignore[index]
        last = boxes[-1]["x"] + boxes[-1]["width"]  # type: ignore[index]
        assert last == pytest.approx(frame["x"] + frame["width"], abs=1)
    visit.page.context.close()


def test_it_can_be_printed(browser: Browser, sample: Reported) -> None:
    visit = Visit(browser, sample.written.index, "dark", DESK)
    visit.page.emulate_media(media="print")
    ground = visit.page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert ground == "rgb(255, 255, 255)"
    assert not visit.page.get_by_role("navigation").is_visible()
    assert visit.page.pdf().startswith(b"%PDF")
    visit.page.context.close()
