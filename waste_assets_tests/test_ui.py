"""Dagster's UI as people use it: a day and a range built by its dialogs, and what it shows.

In a headless Chromium. Screenshots are left in the test's directory.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from waste_assets.sample import conversation
from waste_assets_tests.fake_anthropic import FakeAnthropic
from waste_assets_tests.loopback import free_port
from waste_assets_tests.program import PROGRAM
from waste_assets_tests.support import Audit

sync_api = pytest.importorskip("playwright.sync_api", reason="there is no playwright")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = [
    pytest.mark.ui,
    pytest.mark.skipif(not CHROMIUM, reason="there is no Chromium: apt install chromium"),
]
#: It takes a twentieth of it on a machine that has nothing else to do.
PATIENCE = 480.0
LAST = date(2026, 9, 14)
DAYS = [(LAST - timedelta(days=n)).isoformat() for n in (3, 2, 1, 0)]


class UI:
    """The UI of a data root, and a page of a browser that looks at it."""

    def __init__(self, url: str, page: Any, folder: Path, pid: int) -> None:
        self.url, self.page, self.folder, self.pid = url, page, folder, pid

    def open(self, path: str, text: str) -> None:
        """Go to a page and wait until it shows the text."""
        self.page.goto(f"{self.url}{path}")
        self.page.get_by_text(text).first.wait_for()

    def shot(self, name: str) -> None:
        """Keep what is to be seen."""
        self.page.screenshot(path=self.folder / f"{name}.png")

    def materialise(self, partitions: str) -> None:
        """Open the dialog of the job, choose the partitions, and launch."""
        self.open("/locations/waste_assets.definitions/jobs/audit", "Materialize")
        self.page.get_by_role("button", name="Materialize").first.click()
        dialog = self.page.get_by_role("dialog").first
        field = dialog.locator("input[type=text]").first
        field.fill(partitions)
        field.press("Enter")
        self.shot(f"dialog {partitions[:11]}")
        dialog.get_by_role("button", name="Launch").last.click()
        self.page.get_by_text("View", exact=True).first.wait_for()

    def ask(self, query: str) -> dict[str, Any]:
        """Ask what the UI itself asks."""
        request = urllib.request.Request(
            f"{self.url}/graphql",
            json.dumps({"query": query}).encode(),
            {"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            told: dict[str, Any] = json.load(answer)["data"]
        return told

    def checks(self, asset: str) -> dict[str, tuple[str, bool | None]]:
        """How each check of an asset went the last time, and whether what it found is good."""
        found = self.ask(
            f"""{{ assetNodeOrError(assetKey: {{path: ["{asset}"]}}) {{ ... on AssetNode {{
                assetChecksOrError {{ ... on AssetChecks {{ checks {{
                    name executionForLatestMaterialization {{
                        status evaluation {{ success }} }} }} }} }} }} }} }}"""
        )
        told: dict[str, tuple[str, bool | None]] = {}
        for check in found["assetNodeOrError"]["assetChecksOrError"]["checks"]:
            last = check["executionForLatestMaterialization"] or {"status": "NEVER"}
            evaluation = last.get("evaluation") or {}
            told[check["name"]] = last["status"], evaluation.get("success")
        return told

    def runs(self) -> list[str]:
        """The status of every run."""
        found = self.ask("{ runsOrError { ... on Runs { results { status } } } }")
        return [run["status"] for run in found["runsOrError"]["results"]]


@pytest.fixture(scope="module")
def ui(tmp_path_factory: pytest.TempPathFactory) -> Iterator[UI]:
    folder = tmp_path_factory.mktemp("ui")
    audit = Audit(folder)
    for n, day in enumerate(DAYS, 1):
        c = conversation(f"of {day}", start=f"{day}T09:00:00Z").user("Go")
        for _ in range(n):
            c.read("gone.py", result="<tool_use_error>File does not exist.", is_error=True)
        audit.write(c.read("a.py", 4_000).read("a.py", 4_000).say())
    # What a check has to find: a model that is in no list of prices.
    unpriced = conversation("unpriced", model="claude-unheard-of-9", start=f"{DAYS[1]}T12:00:00Z")
    audit.write(unpriced.user("Go").say())
    port = free_port()
    arguments = ["ui", audit.source, "--data-root", audit.data, "--port", port, "--no-automation"]
    log = (folder / "ui.log").open("wb")
    # Labels are asked of this machine, within a budget.
    judge = FakeAnthropic()
    judge.__enter__()
    asking = {
        "ANTHROPIC_API_KEY": "sk-fake",
        "WASTE_ASSETS_LABEL_BASE_URL": judge.url,
        "WASTE_ASSETS_LABEL_MAX_USD": "1",
    }
    process = subprocess.Popen(
        [PROGRAM, *map(str, arguments)],
        stdout=log,
        stderr=log,
        cwd=folder,
        # What a shell hands on of Dagster's is of another instance.
        env={k: v for k, v in os.environ.items() if not k.startswith(("DAGSTER", "WASTE_ASSETS"))}
        | asking,
    )
    try:
        with sync_api.sync_playwright() as playwright:
            browser = playwright.chromium.launch(
                executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"]
            )
            page = browser.new_page(viewport={"width": 1400, "height": 1000})
            page.set_default_timeout(PATIENCE * 1_000 / 4)
            made = UI(f"http://127.0.0.1:{port}", page, folder, process.pid)
            until(lambda: answers(made), process)
            yield made
            browser.close()
    finally:
        process.send_signal(signal.SIGINT)
        with suppress(subprocess.TimeoutExpired):
            process.wait(30)
        process.kill()
        judge.__exit__(None, None, None)
        log.close()


def answers(ui: UI) -> bool:
    with suppress(OSError):
        return bool(ui.ask("{ version }"))
    return False


def until(holds: Any, process: subprocess.Popen[bytes] | None = None) -> None:
    deadline = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < deadline
        assert process is None or process.poll() is None, "the UI has ended"
        time.sleep(0.5)


@pytest.fixture(scope="module")
def built(ui: UI) -> UI:
    """The first day built by itself, the others as a range."""
    # Dagster looks for ranges every 30 seconds: the day is built meanwhile.
    ui.materialise(f"[{DAYS[1]}...{DAYS[-1]}]")
    ui.materialise(DAYS[0])
    until(lambda: len(found := ui.runs()) >= 2 and {*found} <= {"SUCCESS", "FAILURE"})
    return ui


def listening(pid: int) -> set[tuple[int, str]]:
    """The TCP ports that a process and its children listen on, with addresses as /proc has them."""
    parents = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            parents[int(stat.parent.name)] = int(stat.read_text().rpartition(")")[2].split()[1])
    family = {pid}
    while more := {one for one, parent in parents.items() if parent in family} - family:
        family |= more
    sockets = set()
    for one in family:
        with suppress(OSError):
            sockets |= {str(link.readlink()) for link in Path(f"/proc/{one}/fd").iterdir()}
    found = set()
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and f"socket:[{fields[9]}]" in sockets:
                address, _, port = fields[1].rpartition(":")
                found.add((int(port, 16), address))
    return found


def test_nothing_listens_on_more_than_this_machine_and_files_are_private(ui: UI) -> None:
    port = int(ui.url.rpartition(":")[2])
    found = listening(ui.pid)
    # The UI, and the pages of the report.
    assert (port, "0100007F") in found and len(found) == 2
    assert {address for _, address in found} == {"0100007F"}
    home = ui.folder / "data" / "dagster"
    assert (home / "history").exists()
    assert [str(p) for p in (home, *home.rglob("*")) if p.lstat().st_mode & 0o077] == []


def test_a_day_and_a_range_are_built_from_the_dialogs(built: UI) -> None:
    # A range is one run.
    assert built.runs() == ["SUCCESS", "SUCCESS"]
    counts = built.ask(
        """{ assetNodeOrError(assetKey: {path: ["token_ledger"]}) { ... on AssetNode {
            partitionStats { numMaterialized numFailed } } } }"""
    )
    assert counts["assetNodeOrError"]["partitionStats"] == {"numMaterialized": 4, "numFailed": 0}
    built.open("/runs", "Success")
    built.shot("runs")
    built.open(f"/assets/token_ledger?view=partitions&partition={DAYS[2]}", "wasted_share")
    built.shot("partitions")
    text = built.page.inner_text("body")
    assert "Materialized (4)" in text and "Failed (0)" in text


def test_numbers_are_plotted_over_the_days(built: UI) -> None:
    built.open("/assets/token_ledger", "Latest materialization")
    built.page.get_by_text("Plots", exact=True).first.click()
    for name in ("usd", "wasted_usd", "wasted_share"):
        built.page.get_by_text(name, exact=True).first.wait_for()
    plots = built.page.locator("canvas")
    plots.first.wait_for()
    plots.first.scroll_into_view_if_needed()
    built.page.wait_for_timeout(700)
    built.shot("plots")
    assert plots.count() >= 4


def test_what_labels_cost_is_plotted_over_the_days(built: UI) -> None:
    built.open("/assets/haiku_labels", "Latest materialization")
    built.page.get_by_text("Plots", exact=True).first.click()
    for name in ("label_usd", "label_usd_open", "label_budget_left_usd"):
        built.page.get_by_text(name, exact=True).first.wait_for()
    plots = built.page.locator("canvas")
    plots.first.wait_for()
    built.page.get_by_text("label_usd_open", exact=True).first.scroll_into_view_if_needed()
    built.page.wait_for_timeout(700)
    built.shot("spend")
    assert plots.count() >= 4
    # What is plotted, as the page itself asks for it: each day has its own, and they are not all 0.
    told = built.ask(
        """{ assetNodeOrError(assetKey: {path: ["haiku_labels"]}) { ... on AssetNode {
            assetMaterializations(limit: 20) { partition metadataEntries {
                label ... on FloatMetadataEntry { floatValue } } } } } }"""
    )
    open_usd = {
        one["partition"]: entry["floatValue"]
        for one in told["assetNodeOrError"]["assetMaterializations"]
        for entry in one["metadataEntries"]
        if entry["label"] == "label_usd_open"
    }
    assert open_usd.keys() == {*DAYS} and sum(open_usd.values()) > 0


def test_a_day_tells_its_figures_and_a_table(built: UI) -> None:
    built.open(f"/assets/token_ledger?view=events&partition={DAYS[1]}", "wasted_share")
    built.shot("events")
    text = built.page.inner_text("body")
    for name in ("wasted_usd", "wasted_share", "by_category", "productive", "retry_error"):
        assert name in text, name


def test_checks_say_what_holds_and_what_was_found(built: UI) -> None:
    built.open("/assets/waste_mart?view=checks", "waste_equals_usage")
    told = built.checks("waste_mart")
    assert {*told.values()} == {("SUCCEEDED", True)}, told
    assert {"within_budget", "waste_as_usual"} <= told.keys()
    # The page draws its list bit by bit, and only what is in sight.
    built.page.get_by_text("within_budget").first.wait_for()
    built.page.get_by_text("waste_equals_usage").first.click()
    built.page.get_by_text("checked_rows").first.wait_for()
    built.shot("checks")


def test_a_check_that_warns_shows_the_rows_at_fault(built: UI) -> None:
    built.open("/assets/parsed_turns?view=checks", "models_priced")
    built.page.get_by_text("models_priced").first.click()
    built.page.get_by_text("offending_rows").first.wait_for()
    built.page.get_by_text("for one) to accounting/prices.csv").first.wait_for()
    # Which model, and where it stands.
    row = built.page.get_by_role("row").filter(has_text="claude-unheard-of-9").first
    row.get_by_text(DAYS[1]).wait_for()
    row.get_by_text(".jsonl").wait_for()
    built.shot("offending rows")


def test_the_report_is_a_click_away(built: UI) -> None:
    built.open("/assets/audit_report", "Open the report")
    built.shot("report asset")
    address = built.page.get_by_role("link", name="Open the report").first.get_attribute("href")
    assert address and address.startswith("http://127.0.0.1:")
    built.page.goto(address)
    built.page.get_by_role("heading", name="bought nothing, or less than it could have").wait_for()
    built.shot("report")
    built.page.locator("#sessions a").first.click()
    built.page.get_by_role("heading", name="wasted of").wait_for()
    # Not for those who come by another name, and nothing but the pages.
    for path, host in (("", "elsewhere.example:80"), ("../state.db", None), ("sessions/", None)):
        asked = urllib.request.Request(address + path, headers={"Host": host} if host else {})
        with pytest.raises(urllib.error.HTTPError):
            urllib.request.urlopen(asked, timeout=30)


def test_the_flow_is_drawn(built: UI) -> None:
    # By groups, which open at a click.
    built.open("/asset-groups", "archive")
    for group in ("turns", "waste", "publish"):
        built.page.get_by_text(group, exact=True).first.wait_for()
    built.shot("lineage")


def test_the_schedule_and_the_sensor_are_there_and_off_as_asked_for(built: UI) -> None:
    built.open("/automation", "daily_audit")
    built.shot("automation")
    found = built.ask(
        """{ repositoriesOrError { ... on RepositoryConnection { nodes {
            schedules { scheduleState { status } } sensors { sensorState { status } } } } } }"""
    )
    (node,) = found["repositoriesOrError"]["nodes"]
    assert [one["scheduleState"]["status"] for one in node["schedules"]] == ["STOPPED"]
    assert {one["sensorState"]["status"] for one in node["sensors"]} == {"STOPPED"}
