"""The corpus of the size of a published audit, in small: what it holds, and what an audit finds."""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
import subprocess
import sys
from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from benchmarks.article import growth
from benchmarks.article.candidates import AUDIT, CCUSAGE, Missing, find_codeburn
from benchmarks.article.corpus import write_corpus, write_day
from benchmarks.article.measure import (
    CASES,
    COLD,
    KINDS,
    NEW_DAY,
    UNCHANGED,
    Figures,
    Measured,
    with_more,
)
from benchmarks.article.measure import measure as measure_audits
from benchmarks.article.plan import RESPONSES, SESSIONS, Kind, Size, stories, stories_of_day
from benchmarks.article.process import Failed, Look, Run, run
from benchmarks.article.shape import Shape, measure, rows
from benchmarks.article.stages import stages
from waste_assets.lake.tables import FAILED_CALLS, FAILURE_CLUSTERS, LINE_COUNTS, PARSED_TURNS
from waste_assets_tests.support import Audit
from waste_assets_tests.test_corpus import CORPUS

SCALE, SEED = 0.01, 1
#: Of so few sessions, this many are the dearest: in the whole corpus, a hundred.
DEAREST = 5
#: In which each figure of the generated corpus lies, as shape.py calls them.
RANGES = {
    ("sizes", "lines a response"): (4.5, 6.5),
    ("sizes", "bytes a response"): (12_000, 20_000),
    ("sizes", "share of toolUseResult"): (0.28, 0.45),
    ("bytes of a line", "p50"): (800, 1_600),
    ("bytes of a line", "p99"): (20_000, 60_000),
    ("responses of a session", "p50"): (3, 8),
    ("responses of a session", "p99"): (80, 400),
    ("record types, lines", "assistant"): (0.33, 0.46),
    ("record types, lines", "user"): (0.17, 0.28),
    ("record types, lines", "progress"): (0.17, 0.35),
    ("tools, calls", "Bash"): (0.3, 0.42),
    ("tools, calls", "Read"): (0.17, 0.28),
    ("tools, calls", "Edit"): (0.13, 0.22),
    ("calls", "calls a response"): (0.9, 1.1),
    ("calls", "share that failed"): (0.035, 0.07),
    ("models, responses", "opus"): (0.55, 0.8),
    ("structure", "responses of subagents"): (0.03, 0.15),
    ("structure", "responses in several files"): (0.005, 0.12),
}
#: Which of them follow the real corpus, and not the published audit.
OF_REAL_ONES = [key for key in RANGES if key[0] not in ("responses of a session", "structure")]


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("article") / "corpus"
    write_corpus(root, SCALE, SEED)
    return root


@pytest.fixture(scope="module")
def expected(corpus: Path) -> dict[str, Any]:
    told: dict[str, Any] = json.loads((corpus / "expected.json").read_bytes())
    return told


@pytest.fixture(scope="module")
def audit(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Audit:
    audit = Audit(tmp_path_factory.mktemp("article-audit"), corpus)
    audit.run()
    return audit


def fingerprint(root: Path) -> dict[str, str]:
    return {
        str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


def figures(shape: Shape) -> dict[tuple[str, str], float]:
    return {(group, name): value for group, name, value in rows(shape)}


@pytest.mark.parametrize("scale", [0.1, 1])
def test_the_plan_has_exactly_as_many_sessions_and_responses_as_were_published(
    scale: float,
) -> None:
    planned = [one for story in stories(SEED, scale) for one in story]
    assert len(planned) == round(SESSIONS * scale)
    assert sum(one.responses for one in planned) == round(RESPONSES * scale)
    assert sum(one.kind is Kind.BROWSER for one in planned) == Size.of(scale).browser
    assert len({one.seed for one in planned}) == len(planned)


def test_the_same_seed_writes_the_same_bytes_on_any_number_of_cores(tmp_path: Path) -> None:
    for name, processes, seed in (("one", 1, 7), ("two", 2, 7), ("other", 2, 8)):
        write_corpus(tmp_path / name, 0.002, seed, processes)
    one, two, other = (fingerprint(tmp_path / name) for name in ("one", "two", "other"))
    assert one == two
    assert not set(one.values()) & set(other.values())


def test_the_corpus_is_written_by_one_command(tmp_path: Path) -> None:
    program = [sys.executable, "benchmarks/article/corpus.py", str(tmp_path / "corpus")]
    root = Path(__file__).parent.parent
    done = subprocess.run(
        [*program, "--scale", "0.001"], cwd=root, capture_output=True, text=True, check=True
    )
    told = json.loads((tmp_path / "corpus" / "expected.json").read_bytes())
    assert done.stdout.startswith(f"{told['sessions']} sessions, {told['responses']} responses, ")
    again = subprocess.run(program, cwd=root, capture_output=True, text=True)
    assert again.returncode == 2 and "is not empty: give a new" in again.stderr


def test_a_directory_that_holds_something_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(FileExistsError, match="new or an empty directory"):
        write_corpus(tmp_path, 0.002, SEED)
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_an_audit_finds_every_token_that_was_written(
    audit: Audit, expected: dict[str, Any]
) -> None:
    found: dict[str, Counter[str]] = defaultdict(Counter)
    turns = audit.rows(PARSED_TURNS)
    for row in turns:
        day = found[str(row["day"])]
        day["responses"] += 1
        day["lower_bound"] += not row["usage_final"]
        for kind in ("input", "write_5m", "write_1h", "read", "output"):
            day[kind] += row[f"{kind}_tokens"]
    assert {day: dict(counts) for day, counts in found.items()} == {
        day: {kind: totals[kind] for kind in found[day]} for day, totals in expected["days"].items()
    }
    assert len(turns) == expected["responses"] == round(RESPONSES * SCALE)
    assert len({row["session_id"] for row in turns}) == expected["sessions"]
    assert len(audit.rows(FAILED_CALLS)) == expected["failed_calls"]
    assert sum(row["lines"] for row in audit.rows(LINE_COUNTS)) == expected["lines"]


def test_the_browser_cluster_lives_in_cheap_sessions_alone(
    audit: Audit, expected: dict[str, Any]
) -> None:
    usd: Counter[str] = Counter()
    for row in audit.rows(PARSED_TURNS):
        usd[row["session_id"]] += row["usd"]
    dearest = {name for name, _ in usd.most_common(DEAREST)}
    failed = [row for row in audit.rows(FAILED_CALLS) if row["cause"] == "browser_playwright"]
    assert sorted(row["session_id"] for row in failed) == expected["browser_sessions"]
    calls = {row["tool_use_id"] for row in failed}
    clusters = {
        row["cluster_id"] for row in audit.rows(FAILURE_CLUSTERS) if row["tool_use_id"] in calls
    }
    assert len(clusters) == 1
    assert not dearest & {row["session_id"] for row in failed}
    assert max(usd[row["session_id"]] for row in failed) < min(usd[name] for name in dearest) / 10
    # The dearest hold other failures: it is this one that an audit of them alone misses.
    assert dearest & {row["session_id"] for row in audit.rows(FAILED_CALLS)}


@pytest.mark.parametrize("key", RANGES, ids=" ".join)
def test_its_shape_is_that_of_real_transcripts(
    corpus: Path, key: tuple[str, str], cached: dict[Path, dict[tuple[str, str], float]]
) -> None:
    if corpus not in cached:
        cached[corpus] = figures(measure(corpus))
    low, high = RANGES[key]
    assert low <= cached[corpus][key] <= high


@pytest.fixture(scope="module")
def cached() -> dict[Path, dict[tuple[str, str], float]]:
    return {}


@pytest.mark.skipif(not (CORPUS / "reference.json").exists(), reason=f"no corpus at {CORPUS}")
def test_real_transcripts_have_that_shape() -> None:
    real = figures(measure(CORPUS))
    outside = {
        key: real[key] for key in OF_REAL_ONES if not RANGES[key][0] <= real[key] <= RANGES[key][1]
    }
    assert not outside


def test_one_more_day_is_of_sessions_of_its_own_and_leaves_the_corpus_as_it_was(
    corpus: Path, expected: dict[str, Any], tmp_path: Path
) -> None:
    write_day(tmp_path / "day", 1, SEED)
    told = json.loads((tmp_path / "day" / "expected.json").read_bytes())
    # As large as a day of the whole corpus, whatever the scale of what stands before it.
    assert told["sessions"] == SESSIONS // 90 and told["responses"] == RESPONSES // 90
    assert min(told["days"]) > max(day for day in expected["days"] if day <= "2026-11-20")
    before = fingerprint(corpus)
    with with_more(corpus, tmp_path / "day"):
        during = fingerprint(corpus)
        assert len(during) == len(before) + told["files"]
    assert fingerprint(corpus) == before
    assert {
        path for path in corpus.rglob("*") if path.is_dir() and not any(path.iterdir())
    } == set()
    seeds = {one.seed for story in stories_of_day(SEED, 1) for one in story}
    assert not seeds & {one.seed for story in stories_of_day(SEED, 2) for one in story}


def measured(cold: float, day: float, peak: int, responses: int = 1_000) -> Measured:
    told = Measured(Path("corpus"), responses, 3, {COLD: 5, UNCHANGED: 5, NEW_DAY: 6}, 10**6)
    for case, seconds in ((COLD, cold), (UNCHANGED, 0.1), (NEW_DAY, day)):
        told.figures[case, AUDIT] = Figures(seconds + 2, 2.0, seconds, peak, peak, 5)
        told.figures[case, CCUSAGE] = Figures(10.0, 0.0, 12.0, 1 << 20, 1 << 20, 5)
    return told


def held(told: Measured) -> list[bool]:
    return [holds for _, _, holds in told.bars()]


def test_a_bar_that_is_passed_is_missed() -> None:
    assert held(measured(50.0, 28.0, 3 << 29)) == [True, True, True, True]
    assert held(measured(50.1, 28.0, 3 << 29)) == [False, True, True, True]
    assert held(measured(50.0, 28.1, 3 << 29)) == [True, False, True, True]
    assert held(measured(50.0, 28.0, (3 << 29) + 1)) == [True, True, False, True]
    wrong = measured(50.0, 28.0, 1)
    wrong.differences.append("cold, 2026-11-20: 3 output_tokens, expected 4")
    assert held(wrong) == [True, True, True, False]


def test_without_ccusage_its_bar_is_not_held() -> None:
    told = measured(1.0, 1.0, 1)
    del told.figures[COLD, CCUSAGE]
    bar, figure, holds = next(told.bars())
    assert (figure, holds) == ("ccusage is missing", False) and "ccusage" in bar


def test_growth_is_of_a_response_and_of_a_new_day(capsys: pytest.CaptureFixture[str]) -> None:
    first = measured(10.0, 5.0, 100, responses=1_000)
    assert growth.tell([first, measured(30.0, 5.0, 100, responses=3_000)])
    assert not growth.tell([first, measured(40.0, 5.0, 100, responses=3_000)])
    assert not growth.tell([first, measured(30.0, 9.0, 100, responses=3_000)])
    assert not growth.tell([first, measured(30.0, 5.0, 130, responses=3_000)])
    assert capsys.readouterr().out.count("MISSED") == 3


def test_memory_is_that_of_children_too() -> None:
    child = "import time; held = b'x' * 80_000_000; time.sleep(1.2)"
    parent = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}]); print(1)"
    done = run([sys.executable, "-c", parent], os.environ)
    assert done.output == b"1\n"
    assert 80_000_000 < done.largest_bytes < done.peak_bytes < 400_000_000


def test_a_program_that_fails_or_is_missing_is_told(tmp_path: Path) -> None:
    with pytest.raises(Failed, match="status 3: out of luck"):
        run(["/bin/sh", "-c", "echo out of luck >&2; exit 3"], os.environ)
    with pytest.raises(Missing, match="is no program"):
        find_codeburn(str(tmp_path / "codeburn"))
    broken = tmp_path / "codeburn"
    broken.write_text("#!/bin/sh\necho 'codeburn requires Node.js >= 22' >&2\nexit 1\n")
    broken.chmod(0o755)
    with pytest.raises(Missing, match=r"does not start: codeburn requires Node\.js"):
        find_codeburn(str(broken))


@dataclass
class Canned:
    """A program that prints an account instead of making one."""

    corpus: Path
    account: Path
    name: str = AUDIT

    def command(self) -> list[str]:
        script = "import pathlib, sys; print(pathlib.Path(sys.argv[1]).read_text())"
        seen = sum(1 for _ in self.corpus.rglob("*.jsonl"))
        return [sys.executable, "-c", script, str(self.account / f"{seen}.json")]

    def environment(self) -> dict[str, str]:
        return dict(os.environ)

    def forget(self) -> None:
        pass

    def counted(self, output: bytes) -> int:
        return 1


def test_a_figure_that_was_not_written_is_told_with_its_day(tmp_path: Path) -> None:
    corpus, work = tmp_path / "corpus", tmp_path / "work"
    first = write_corpus(corpus, 0.001, 3).truth
    second = write_corpus(work / "day", 0.001, 4).truth
    day = max(first.days)
    for truths, change in (((first,), 0), ((first, second), 1)):
        days: dict[str, Counter[str]] = defaultdict(Counter)
        for truth in truths:
            for name, totals in truth.days.items():
                days[name].update({KINDS[kind]: getattr(totals, kind) for kind in KINDS})
        days[day]["output_tokens"] += change
        account = {
            "by_day": [{"day": name, **counts} for name, counts in days.items()],
            "coverage": {"lines": sum(truth.lines for truth in truths)},
            "checks": {"passed": 7, "failed": []},
            "startup": {"dagster_seconds": 0.001, "great_expectations_seconds": 0.002},
            "runs": [],
        }
        # What the program finds there tells the cases apart.
        found = sum(truth.transcripts for truth in truths)
        (tmp_path / f"{found}.json").write_text(json.dumps(account))
    told = measure_audits(corpus, [Canned(corpus, tmp_path)], tmp_path / "data", 2, work)
    assert set(told.figures) == {(case, AUDIT) for case in CASES}
    assert told.passed_checks == 2 * 3 * 7
    assert len(told.differences) == 2
    assert told.differences[0].startswith(f"{NEW_DAY}, {day}: ")
    assert "output_tokens, expected" in told.differences[0]
    assert told.of(COLD, AUDIT).startup == pytest.approx(0.003)


def test_a_stage_is_told_with_its_checks_memory_rows_and_disk(tmp_path: Path) -> None:
    runs = tmp_path / "dagster" / "history" / "runs"
    runs.mkdir(parents=True)
    with sqlite3.connect(runs / "r1.db") as con:
        con.execute("CREATE TABLE event_logs (id, step_key, dagster_event_type, timestamp)")
        for number, (step, kind, second) in enumerate(
            (
                ("parsed_turns", "STEP_START", 10),
                ("parsed_turns", "STEP_SUCCESS", 14),
                ("parsed_turns_checks", "STEP_START", 15),
                ("parsed_turns_checks", "STEP_SUCCESS", 16),
                ("alerts", "STEP_START", 17),
                ("alerts", "STEP_SUCCESS", 19),
            )
        ):
            stamp = f"1970-01-01 00:00:{second}.000000"
            con.execute("INSERT INTO event_logs VALUES (?, ?, ?, ?)", (number, step, kind, stamp))
    con.close()
    part = tmp_path / "lake" / "tool_calls" / "day=2026-11-20" / "part.parquet"
    part.parent.mkdir(parents=True)
    pq.write_table(pa.table({"n": [1, 2, 3]}), part)
    looks = [Look(9.0, 900, 1), Look(13.0, 300, 1), Look(15.5, 500, 1), Look(18.0, 700, 1)]
    told = {one.name: one for one in stages(Run(0.0, 0.0, b'{"runs": ["r1"]}', looks), tmp_path)}
    turns = told["parsed_turns"]
    assert (turns.seconds, turns.checks_seconds, turns.peak_bytes) == (4.0, 1.0, 500)
    assert (turns.rows, turns.disk_bytes) == (3, part.stat().st_size)
    assert (told["(others)"].seconds, told["(others)"].peak_bytes) == (2.0, 700)
    assert told["(records)"].disk_bytes == (runs / "r1.db").stat().st_size
    # Nothing of the data root is left out.
    assert sum(one.disk_bytes for one in told.values()) == (
        part.stat().st_size + (runs / "r1.db").stat().st_size
    )
