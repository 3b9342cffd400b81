"""The report as a file: its figures are those of the database, its links lead, nothing acts."""

from __future__ import annotations

import base64
import hashlib
import os
import re
import shutil
import subprocess
import sys
import time
import unicodedata
from datetime import date, timedelta
from itertools import pairwise
from math import fsum
from pathlib import Path
from zoneinfo import ZoneInfo

import duckdb
import pytest

from waste_assets.accounting.ledger import CATEGORIES
from waste_assets.mart.tables import CLUSTERS, DAILY_WASTE, FLAGS, SESSION_USAGE, SESSION_WASTE
from waste_assets.report import site
from waste_assets.report.causes import problems
from waste_assets.report.index_page import index_page
from waste_assets.report.inputs import report_inputs, reported_inputs
from waste_assets.report.overview import PARTS, trend
from waste_assets.report.render import file_name
from waste_assets.report.session import told_sessions
from waste_assets.report.site import write_report, write_session
from waste_assets.sample import conversation
from waste_assets.transcripts.days import Calendar
from waste_assets.transcripts.show import archived_lines
from waste_assets_tests.report.conftest import ENDLESS, MARKUP, SECRET, Reported, reported
from waste_assets_tests.report.page import Page
from waste_assets_tests.support import Audit

CENT = 0.005


@pytest.fixture(scope="module")
def index(sample: Reported) -> Page:
    return Page.of(sample.written.index)


def wasted(rows: list[dict[str, object]], name: str) -> float:
    return fsum(row[name] or 0 for row in rows if row["category"] != "productive")  # type: ignore[misc]


# --- figures -------------------------------------------------------------------------------


def test_the_headline_is_what_the_database_says(sample: Reported, index: Page) -> None:
    rows = sample.audit.published(DAILY_WASTE)
    bill = fsum(row["usd"] or 0 for row in rows)
    assert index.figure("spent") == pytest.approx(bill, abs=1e-9)
    assert index.figure("wasted-low") == pytest.approx(wasted(rows, "usd_direct"))
    assert index.figure("wasted-high") == pytest.approx(wasted(rows, "usd_avoidable"))
    (headline,) = index.all("h1")
    assert f"${bill:,.2f}" in headline.text
    assert 0 < index.figure("wasted-low") < index.figure("wasted-high") < bill


def test_the_parts_and_the_nine_owners_each_add_up_to_the_bill(index: Page) -> None:
    bill = index.figure("spent")
    parts = {name: index.figure(f"part-{name}") for name in PARTS}
    assert min(parts.values()) >= 0
    assert fsum(parts.values()) == pytest.approx(bill)
    low = index.figure("wasted-low")
    assert parts["outright"] + parts["inefficient"] == pytest.approx(low)
    assert low + parts["emptied"] == pytest.approx(index.figure("wasted-high"))
    owners = {name: index.figure(f"owner-{name}") for name in CATEGORIES}
    assert fsum(owners.values()) == pytest.approx(bill)
    assert len(index.all("data", class_="owner")) == len(owners) == 9


def test_each_owner_has_what_the_database_gives_it(sample: Reported, index: Page) -> None:
    rows = sample.audit.published(DAILY_WASTE)
    for name in CATEGORIES:
        owned = fsum(row["usd"] or 0 for row in rows if row["category"] == name)
        assert index.figure(f"owner-{name}") == pytest.approx(owned, abs=1e-9)


def test_the_trend_adds_up_to_the_bill(sample: Reported, index: Page) -> None:
    columns = sample.written.told["trend"]["columns"]
    assert sample.written.told["trend"]["period"] == "day"
    days = [column["start"] for column in columns]
    assert days == sorted(set(days)) and len(days) == (days[-1] - days[0]).days + 1
    assert fsum(c["bill"] for c in columns) == pytest.approx(index.figure("spent"))
    assert fsum(c[name] for c in columns for name in PARTS) == pytest.approx(index.figure("spent"))


def test_the_most_wasteful_sessions_come_first(sample: Reported, index: Page) -> None:
    costs: dict[str, float] = {}
    for row in sample.audit.published(SESSION_WASTE):
        if row["category"] != "productive":
            costs[row["session_id"]] = costs.get(row["session_id"], 0) + row["usd_avoidable"]
    dearest = sorted((name for name in costs if costs[name] > 0), key=lambda one: -costs[one])
    hrefs = [str(a.attributes["href"]) for a in index.all("a") if "sessions/" in str(a.attributes)]
    assert hrefs == [f"sessions/{file_name(name)}" for name in dearest[: site.SESSIONS]]
    assert len(hrefs) > 10


def test_what_to_change_leads_to_a_line(sample: Reported, index: Page) -> None:
    commands = [one.text for one in index.all("code", class_="cmd")]
    shown = [c.removeprefix("waste-assets show ") for c in commands if " show " in c]
    told = sample.written.told
    assert len(shown) == len(told["remedies"]) + len(told["problems"])
    assert len(told["remedies"]) > 3
    for place in shown:
        (line,) = archived_lines(sample.audit.lake, place)
        assert line.startswith(b"{")


def test_the_problems_that_cost_most_are_told_as_published(sample: Reported, index: Page) -> None:
    clusters = {row["cluster_id"]: row for row in sample.audit.published(CLUSTERS)}
    told = sample.written.told["problems"]
    assert len(told) == 10 and sample.written.told["problems_in_all"] == len(clusters)
    dearest = sorted((row["usd"] for row in clusters.values()), reverse=True)[:10]
    assert [row["usd"] for row in told] == dearest
    for row in told:
        published = clusters[row["cluster_id"]]
        for name in ("cause", "fault", "occurrences", "sessions", "trend"):
            assert row[name] == published[name]
        assert row["example"] == published["example_places"][0]
        assert row["first_day"] == f"{published['first_ts']:%Y-%m-%d}"
        assert row["last_day"] == f"{published['last_ts']:%Y-%m-%d}"
        title = published["title"]
        assert title[:1].upper() + title[1:] in index.text
    # Twelve days have none before them.
    assert {row["leads"] for row in told} == {None} and "nothing to compare" in index.text


def test_a_problem_is_told_with_its_judges_name_and_where_it_leads(sample: Reported) -> None:
    con = duckdb.connect()
    con.execute(f"ATTACH '{sample.audit.bi / 'waste.duckdb'}' AS bi (READ_ONLY)")
    con.execute("CREATE TABLE clusters AS FROM bi.clusters")
    con.execute("CREATE TABLE cluster_days AS FROM bi.cluster_days")
    for low, high, leads in (
        (1.2, 2.0, "rising"),
        (0.2, 0.9, "falling"),
        (0.5, 2.0, "no change seen"),
    ):
        con.execute(
            "UPDATE clusters SET trend = ($1 + $2) / 2, trend_low = $1, trend_high = $2, "
            "title = $3, title_by = 'claude-<b>', summary = $3",
            [low, high, f"{MARKUP} {SECRET}"],
        )
        found = problems(con, 3)
        assert [row["leads"] for row in found] == [leads] * 3
        page = index_page(sample.written.told | {"problems": found}, "0", ZoneInfo("UTC"))
        assert page.count("Named by claude-&lt;b&gt;") == 3 and page.count(f">{leads}<") == 3
        assert "<script>window" not in page and SECRET not in page


def test_what_it_rests_on_is_said(sample: Reported, index: Page) -> None:
    flags = sample.audit.published(FLAGS)
    for tier in ("certain", "likely", "candidate"):
        number = sum(flag["tier"] == tier for flag in flags)
        assert f"{number:,} flags are {tier}" in index.text
    assert "list price" in index.text and "lower bound" in index.text
    assert "set aside in quarantine" in index.text


# --- pages of sessions ---------------------------------------------------------------------


def test_a_page_of_a_session_is_its_part_of_the_database(sample: Reported) -> None:
    usage = {row["session_id"]: row for row in sample.audit.published(SESSION_USAGE)}
    rows = sample.audit.published(SESSION_WASTE)
    for listed in sample.written.told["sessions"]:
        session = listed["session_id"]
        page = Page.of(sample.folder / "sessions" / file_name(session))
        of_session = [row for row in rows if row["session_id"] == session]
        assert page.figure("spent") == pytest.approx(usage[session]["usd"], abs=1e-9)
        assert page.figure("wasted-high") == pytest.approx(wasted(of_session, "usd_avoidable"))
        owners = [float(str(o.attributes["value"])) for o in page.all("data", class_="owner")]
        assert fsum(owners) == pytest.approx(usage[session]["usd"], abs=1e-6)


def test_every_turn_and_flag_of_a_page_leads_to_its_line(sample: Reported) -> None:
    session = sample.written.told["sessions"][0]["session_id"]
    page = Page.of(sample.folder / "sessions" / file_name(session))
    commands = [
        c.text for c in page.all("code", class_="cmd") if c.text.rpartition(":")[2].isdigit()
    ]
    assert len(commands) > 20
    for command in commands[::7]:
        (line,) = archived_lines(sample.audit.lake, command.removeprefix("waste-assets show "))
        assert line.startswith(b"{")


def test_turns_are_told_in_order_with_all_that_they_cost(sample: Reported) -> None:
    ids = [row["session_id"] for row in sample.written.told["sessions"]]
    told = told_sessions(sample.audit.lake, sample.audit.bi, ids)
    assert list(told) == sorted(ids)
    for session in told.values():
        turns = session["turns"]
        assert [turn["turn"] for turn in turns] == list(range(1, session["responses"] + 1))
        assert [t["ts_us"] for t in turns] == sorted(t["ts_us"] for t in turns)
        assert fsum(turn["usd"] for turn in turns) == pytest.approx(session["usd"], abs=1e-9)
        for turn in turns:
            owned = fsum(owner["usd"] or 0 for owner in turn["owners"])
            assert owned == pytest.approx(turn["usd"], abs=1e-9)
        assert all(flag["turn"] for flag in session["flags"])
        rebuilds = [f for f in session["flags"] if f["rule"].startswith("rebuild_")]
        assert session["cache"]["rebuilds"] == len(rebuilds)


def test_a_rebuild_is_marked_where_it_was(sample: Reported) -> None:
    ids = [row["session_id"] for row in sample.written.told["sessions"]]
    told = told_sessions(sample.audit.lake, sample.audit.bi, ids)
    marked = 0
    for session_id, session in told.items():
        page = Page.of(sample.folder / "sessions" / file_name(session_id))
        titles = [one.text for one in page.all("title")]
        for flag in session["flags"]:
            if flag["rule"].startswith("rebuild_") and flag["agent"] == "main":
                marked += 1
                assert any(
                    f"turn {flag['turn']}: " in title and "paid for again" in title
                    for title in titles
                ), flag
    assert marked > 2


def test_a_session_of_very_many_turns_shares_columns_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    audit = Audit(tmp_path)
    c = conversation("long").user("Go")
    for n in range(130):
        c.read(f"{n % 3}.py", tokens=300)
    audit.write(c.say())
    made = reported(audit)
    (path,) = made.pages[1:]
    page = Page.of(path)
    assert "Each column is 2 responses" in page.text
    assert "The 100 responses of 131" in page.text
    plots = page.all("g", class_="slot")
    assert len(plots) == 2 * 66


# --- a page that stands alone --------------------------------------------------------------


def test_a_page_asks_for_nothing_and_runs_nothing(sample: Reported, hostile: Reported) -> None:
    for path in (*sample.pages[:4], *hostile.pages):
        page = Page.of(path)
        (policy,) = page.all("meta", http_equiv="Content-Security-Policy")
        directives = dict(
            one.strip().split(" ", 1) for one in str(policy.attributes["content"]).split(";")
        )
        assert directives["default-src"] == "'none'"
        assert directives.keys() == {
            "default-src", "style-src", "img-src", "base-uri", "form-action",
        }  # fmt: skip
        (style,) = page.all("style")
        digest = hashlib.sha256("".join(style.parts).encode()).digest()
        assert directives["style-src"] == f"'sha256-{base64.b64encode(digest).decode()}'"
        assert "url(" not in re.sub(r"url\(#\w+\)", "", "".join(style.parts))
        tags = {element.tag for element in page.elements}
        assert tags.isdisjoint(("script", "img", "iframe", "object", "embed", "form", "base"))
        for element in page.elements:
            assert not any(name.startswith("on") or name == "style" for name in element.attributes)
            assert "src" not in element.attributes
            if element.tag == "a":
                assert re.match(r"(#|\.\./index\.html\Z|sessions/[a-z0-9_-]+\.html\Z)",
                                str(element.attributes["href"]))  # fmt: skip


def test_links_lead_to_pages_and_places(sample: Reported) -> None:
    for path in sample.pages:
        page = Page.of(path)
        ids = [one.attributes["id"] for one in page.elements if "id" in one.attributes]
        assert len(ids) == len(set(ids))
        for link in page.all("a"):
            target, _, place = str(link.attributes["href"]).partition("#")
            assert link.text
            if target:
                assert (path.parent / target).exists()
            else:
                assert place in ids
        for element in page.elements:
            named = element.attributes.get("aria-labelledby")
            assert named is None or named in ids


def test_a_page_can_be_read_aloud(sample: Reported) -> None:
    for path in sample.pages[:5]:
        page = Page.of(path)
        assert page.declared == "doctype html"
        assert page.all("html")[0].attributes["lang"] == "en"
        for landmark in ("header", "main", "footer", "h1"):
            assert len(page.all(landmark)) == 1
        assert page.all("nav", aria_label="Sections")
        levels = [int(one.tag[1]) for one in page.elements if re.fullmatch(r"h[1-6]", one.tag)]
        assert levels[0] == 1
        assert all(after - before <= 1 for before, after in pairwise(levels))
        assert len(page.all("caption")) == len(page.all("table")) > 2
        assert all(one.attributes.get("scope") for one in page.all("th"))
        for drawing in page.all("svg"):
            named = {"aria-label", "aria-labelledby"} & drawing.attributes.keys()
            assert drawing.attributes.get("aria-hidden") == "true" or named
        # Each chart has its table.
        assert len(page.all("details")) == len(page.all("figure"))


def test_sizes_stay_small(sample: Reported) -> None:
    assert sample.written.bytes == sample.written.index.stat().st_size < 300_000
    assert all(page.stat().st_size < 600_000 for page in sample.pages)


# --- hostile text --------------------------------------------------------------------------


def test_hostile_text_is_shown_and_does_nothing(hostile: Reported) -> None:
    texts = [Page.of(path).text for path in hostile.pages]
    assert len(texts) == 6
    # As text: to the parser it is no markup.
    assert any("<script>window.hit=1</script>" in text for text in texts)
    assert any(ENDLESS[:50] in text for text in texts)


def test_no_character_of_a_page_acts(hostile: Reported) -> None:
    seen = ""
    for path in hostile.pages:
        text = path.read_text("utf-8")
        acting = {c for c in text if unicodedata.category(c) in ("Cc", "Cf") and c != "\n"}
        assert not acting, acting
        seen += text
    assert "\ufffd" in seen and "gpj.exe" in seen


def test_no_secret_and_no_home_is_in_a_page(hostile: Reported) -> None:
    texts = [path.read_text("utf-8") for path in hostile.pages]
    assert not any(SECRET in text or "/home/dev" in text for text in texts)
    assert any("[REDACTED:" in text for text in texts)


@pytest.mark.parametrize(
    "session", ["../../etc/passwd", "", ".", "a/b", "A" * 10, "x" * 300, "con\x00", "é", "\ud800"]
)
def test_a_session_id_that_is_no_file_name_gets_one(session: str) -> None:
    assert re.fullmatch(r"[0-9a-f]{32}\.html", file_name(session))


def test_an_ordinary_session_id_is_the_name() -> None:
    assert file_name("0a1b-2c") == "0a1b-2c.html"


# --- what there may be little of -----------------------------------------------------------


def test_an_empty_report_says_what_to_do(tmp_path: Path) -> None:
    made = reported(Audit(tmp_path))
    assert "waste-assets audit" in Page.of(made.written.index).text
    assert made.pages == [made.written.index]


def test_what_has_no_price_is_said_to_have_none(tmp_path: Path) -> None:
    audit = Audit(tmp_path)
    c = conversation("free", model="some-local-model").user("Go")
    audit.write(c.read("gone.py", result="<tool_use_error>No.", is_error=True).say())
    page = Page.of(reported(audit).written.index)
    assert "2 responses of models without a price" in page.text
    assert "some-local-model" in page.text
    assert "$" not in page.all("h1")[0].text


@pytest.mark.parametrize(
    ("days", "period", "columns"),
    [(3, "day", 3), (119, "day", 119), (121, "week", 18), (800, "week", 115), (900, "month", 30)],
)
def test_a_long_time_is_told_in_longer_periods(days: int, period: str, columns: int) -> None:
    first = date(2025, 2, 3)
    told = trend({(first + timedelta(days=n)).isoformat(): {"day": "", "bill": 1.0, "rest": 1.0}
                  for n in (0, days - 1)})  # fmt: skip
    assert (told["period"], len(told["columns"])) == (period, columns)
    assert fsum(column["bill"] for column in told["columns"]) == 2.0
    assert len(told["columns"]) <= 120


# --- being written -------------------------------------------------------------------------


def test_the_same_inputs_give_the_same_bytes(sample: Reported, tmp_path: Path) -> None:
    audit = sample.audit
    write_report(audit.lake, audit.bi, tmp_path, audit.calendar)
    before = {path.name: path.read_bytes() for path in sample.pages}
    assert {path.name: path.read_bytes() for path in tmp_path.rglob("*.html")} == before


def test_pages_that_are_no_longer_listed_are_taken_away(
    sample: Reported, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    audit = sample.audit
    write_report(audit.lake, audit.bi, tmp_path, audit.calendar)
    monkeypatch.setattr(site, "SESSIONS", 3)
    made = write_report(audit.lake, audit.bi, tmp_path, audit.calendar)
    assert made.sessions == 3 == len(list((tmp_path / "sessions").iterdir()))
    page = write_session(
        audit.lake, audit.bi, tmp_path, sample.written.told["sessions"][9]["session_id"],
        audit.calendar,
    )  # fmt: skip
    assert Page.of(page).figure("wasted-high") > 0
    write_report(audit.lake, audit.bi, tmp_path, audit.calendar)
    assert not page.exists()


def test_a_report_is_current_until_its_inputs_or_pages_change(
    sample: Reported, tmp_path: Path
) -> None:
    audit = sample.audit
    write_report(audit.lake, audit.bi, tmp_path, audit.calendar)
    assert reported_inputs(tmp_path) == report_inputs(audit.bi, "UTC")
    assert reported_inputs(tmp_path) != report_inputs(audit.bi, "Asia/Tokyo")
    assert reported_inputs(tmp_path / "nowhere") is None
    next((tmp_path / "sessions").iterdir()).unlink()
    assert reported_inputs(tmp_path) is None


def test_the_plan_names_a_report_that_is_missing_or_old(sample: Reported, tmp_path: Path) -> None:
    copy = Audit(tmp_path, sample.audit.source)
    shutil.copytree(sample.audit.data, copy.data)
    assert copy.plan().is_empty
    (copy.data / "report" / "index.html").unlink()
    made = copy.plan()
    assert (made.days, made.publish, made.report) == (set(), False, True)
    (copy.bi / "waste.duckdb").unlink()
    assert copy.plan().report


_WRITING = """
import sys
from pathlib import Path
from waste_assets.lake.lake import Lake
from waste_assets.report.site import write_report
from waste_assets.transcripts.days import Calendar
root, folder = Path(sys.argv[1]), Path(sys.argv[2])
while True:
    write_report(Lake(root / "lake"), root / "bi", folder, Calendar())
    print("written", flush=True)
"""


def test_a_reader_never_sees_half_a_page_though_the_writer_is_killed(
    sample: Reported, tmp_path: Path
) -> None:
    """While a process writes the report again and again, and after it was killed in the middle."""
    arguments = [sys.executable, "-c", _WRITING, str(sample.audit.data), str(tmp_path)]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, env={**os.environ}) as writer:
        assert writer.stdout
        writer.stdout.readline()
        reads, until = 0, time.monotonic() + 0.5
        while time.monotonic() < until:
            for path in (
                tmp_path / "index.html",
                *list((tmp_path / "sessions").glob("*.html"))[:3],
            ):
                assert path.read_text("utf-8").endswith("</html>\n")
                reads += 1
        writer.kill()
    assert reads > 20
    for path in tmp_path.rglob("*.html"):
        if not path.name.startswith("."):
            assert path.read_text("utf-8").endswith("</html>\n")
    write_report(sample.audit.lake, sample.audit.bi, tmp_path, Calendar())
    assert reported_inputs(tmp_path) == report_inputs(sample.audit.bi, "UTC")
