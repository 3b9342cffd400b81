"""Take the picture of the dashboard that the docs show.

    python dashboards/superset/picture.py DATA_ROOT PNG

The dashboard of DATA_ROOT is served meanwhile (`run.sh`, PORT=). Needs Chromium. The page may ask
nothing of any other machine: where it does, the picture is not taken.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

from playwright.sync_api import Request, sync_playwright

WIDTH = 1440
#: A table that has no rows says so, and a chart that failed shows why.
_BROKEN = ".ant-alert-error, [data-test='error-message'], .chart-container .alert"


def take(base: str, password: str, png: Path) -> list[str]:
    """Take the picture of the dashboard at `base`.

    Returns what is wrong with the page: other machines that it asked, charts that failed.
    """
    names = ("chromium", "chromium-browser", "google-chrome")
    program = next(filter(None, map(shutil.which, names)), None)
    asked: list[Request] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": WIDTH, "height": 1000})
        page.set_default_timeout(120_000)
        page.on("request", lambda request: asked.append(request))
        page.goto(f"{base}/login/")
        page.fill("[data-test='username-input'], #username", "admin")
        page.fill("[data-test='password-input'], #password", password)
        page.click("[data-test='login-button'], [type=submit]")
        page.wait_for_url("**/welcome/**")
        page.goto(f"{base}/superset/dashboard/waste/?standalone=1&show_filters=1")
        page.wait_for_selector("[data-test='dashboard-content-wrapper'], .dashboard-content")
        # Charts load when they come into view: all of them are, in a window as high as the page.
        for _ in range(3):
            page.wait_for_timeout(1_500)
            height = page.evaluate(_HEIGHT)
            page.set_viewport_size({"width": WIDTH, "height": height})
        page.wait_for_function(_LOADED)
        page.wait_for_timeout(2_000)
        bottom = page.evaluate(_BOTTOM) + 24
        failed = page.locator(_BROKEN).all_inner_texts()
        png.parent.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=str(png), clip={"x": 0, "y": 0, "width": WIDTH, "height": bottom})
        browser.close()
    # What the page's policy forbids is never sent.
    sent = [one for one in asked if "csp" not in (one.failure or "").lower()]
    others = sorted({urlsplit(one.url).netloc for one in sent} - {urlsplit(base).netloc, ""})
    return [f"asked {other}" for other in others] + failed


_HEIGHT = """() => Math.max(1000, ...[...document.querySelectorAll(
    '.grid-container, .dashboard-content, #app')].map(one => one.scrollHeight)) + 40"""
_BOTTOM = """() => Math.max(...[...document.querySelectorAll('[data-test="chart-container"]')]
    .map(one => one.getBoundingClientRect().bottom))"""
_LOADED = """() => !document.querySelector('[data-test="loading-indicator"], .loading')
    && document.querySelectorAll('[data-test="chart-container"], .chart-slice').length > 20"""


def _make_small(png: Path) -> None:
    """Take all but 96 colours out of a picture, by the library that Superset brings."""
    superset = os.environ.get("WASTE_ASSETS_SUPERSET", Path(sys.prefix) / "superset")
    code = (
        "import sys, PIL.Image as i; i.open(sys.argv[1]).quantize(96).save(sys.argv[1], optimize=1)"
    )
    subprocess.run([Path(superset) / "bin" / "python", "-c", code, png], check=True)


def main() -> None:
    parser = argparse.ArgumentParser(description="Take the picture that the docs show.")
    parser.add_argument("data_root", type=Path)
    parser.add_argument("png", type=Path)
    told = parser.parse_args()
    password = (told.data_root / "superset" / "password").read_text("ascii").strip()
    wrong = take(f"http://127.0.0.1:{os.environ.get('PORT', '8088')}", password, told.png)
    _make_small(told.png)
    if wrong:
        sys.exit("\n".join(wrong))


if __name__ == "__main__":
    main()
