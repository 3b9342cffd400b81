"""The answers to what people ask are what the lake says, added up in another way."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from datetime import date, timedelta
from math import fsum
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from waste_assets.cli import commands
from waste_assets.lake.tables import (
    FAILED_CALLS,
    HAIKU_LABELS,
    HEURISTIC_FLAGS,
    LINE_COUNTS,
    PARSED_TURNS,
    TEXT_SIZES,
    TOKEN_LEDGER,
)
from waste_assets.questions.ask import answer, question, questions
from waste_assets.sample import generate
from waste_assets_tests.labels.support import spend_something
from waste_assets_tests.support import Audit, Row

Key = Callable[[Row], Any]


@pytest.fixture(scope="module")
def audit(tmp_path_factory: pytest.TempPathFactory) -> Audit:
    made = Audit(tmp_path_factory.mktemp("asked"))
    generate(made.source, sessions=16, days=4, end=date(2026, 9, 14), seed=5, plants=0.6)
    made.run()
    spend_something(made.data)
    made.publish()
    return made


@pytest.fixture
def ask(audit: Audit) -> Callable[..., list[Row]]:
    return lambda name, since=None: answer(audit.bi, question(name), since)


def shown(path: str | None) -> str | None:
    return path.replace("/home/dev", "~", 1) if path else path


def added(rows: Iterable[Row], key: Key, name: str) -> dict[Any, float]:
    groups: dict[Any, list[float]] = defaultdict(list)
    for row in rows:
        groups[key(row)].append(row[name] or 0.0)
    return {one: fsum(values) for one, values in groups.items()}


def by(rows: Iterable[Row], *names: str) -> dict[Any, Row]:
    return {tuple(row[name] for name in names): row for row in rows}


def near(value: float | None) -> Any:
    return pytest.approx(value, abs=1e-9)


def of_waste(audit: Audit) -> list[Row]:
    """The ledger's shares of waste; low is without what only candidates claim."""
    rows = [row for row in audit.rows(TOKEN_LEDGER) if row["category"] != "productive"]
    return [row | {"usd_low": (row["usd"] or 0) - (row["usd_candidate"] or 0)} for row in rows]


def test_where_the_money_went_on_the_latest_day(
    audit: Audit, ask: Callable[..., list[Row]]
) -> None:
    turns = audit.rows(PARSED_TURNS)
    latest = max(row["day"] for row in turns)
    key: Key = lambda row: (shown(row["project"]), row["model"])  # noqa: E731
    spent = added([row for row in turns if row["day"] == latest], key, "usd")
    wasted = [row for row in of_waste(audit) if row["day"] == latest]
    low, high = added(wasted, key, "usd_low"), added(wasted, key, "usd_avoidable")
    told = ask("latest_day")
    assert {row["day"] for row in told} == {str(latest)}
    assert {one: row["usd"] for one, row in by(told, "project", "model").items()} == near(spent)
    assert fsum(row["share_of_day"] for row in told) == near(1)
    for one, row in by(told, "project", "model").items():
        assert row["usd_wasted_low"] == near(low.get(one, 0))
        assert row["usd_wasted_high"] == near(high.get(one, 0))
    assert [row["usd"] for row in told] == sorted((row["usd"] for row in told), reverse=True)


def test_which_project_wastes(audit: Audit, ask: Callable[..., list[Row]]) -> None:
    key: Key = lambda row: shown(row["project"])  # noqa: E731
    spent = added(audit.rows(PARSED_TURNS), key, "usd")
    high = added(of_waste(audit), key, "usd_avoidable")
    told = ask("projects")
    assert {row["project"]: row["usd"] for row in told} == near(spent)
    assert {row["project"]: row["usd_wasted_high"] for row in told} == near(
        {one: high.get(one, 0.0) for one in spent}
    )
    for row in told:
        assert row["share_wasted"] == near(row["usd_wasted_high"] / row["usd"])
    assert fsum(row["share_of_all"] for row in told) == near(1)


def test_which_cause_wastes(audit: Audit, ask: Callable[..., list[Row]]) -> None:
    flags = [row for row in audit.rows(HEURISTIC_FLAGS) if row["tier"] != "candidate"]
    key: Key = lambda row: (row["category"], row["rule"], row["cause"])  # noqa: E731
    owned, times = added(flags, key, "usd_owned"), Counter(map(key, flags))
    told = by(ask("causes"), "category", "rule", "cause")
    assert len(told) == min(20, len(owned))
    for one, row in told.items():
        assert (row["usd_owned"], row["flags"]) == (near(owned[one]), times[one])
    dearest = next(iter(told.values()))
    assert dearest["usd_owned"] == near(max(owned.values()))
    place = max(
        (f for f in flags if key(f) == next(iter(told))),
        key=lambda f: (f["usd_owned"], f["flag_id"]),
    )
    assert dearest["dearest_at"] == f"{place['transcript']}:{place['line_no']}"


def test_what_has_changed_since_a_day(audit: Audit, ask: Callable[..., list[Row]]) -> None:
    turns, latest = audit.rows(PARSED_TURNS), max(row["day"] for row in audit.rows(PARSED_TURNS))
    since = latest - timedelta(days=1)
    side: Key = lambda row: row["day"] >= since  # noqa: E731
    bills = added(turns, side, "usd")
    wasted = added(of_waste(audit), lambda row: (row["category"], side(row)), "usd_avoidable")
    told = ask("since", since)
    assert {row["since"] for row in told} == {str(since)}
    assert {row["category"] for row in told} == {category for category, _ in wasted}
    for row in told:
        before, after = (wasted.get((row["category"], one), 0.0) for one in (False, True))
        assert (row["usd_wasted_before"], row["usd_wasted_since"]) == (near(before), near(after))
        assert row["share_change"] == near(after / bills[True] - before / bills[False])
    # Without a day, and with no remedy applied: the last seven days.
    assert {row["since"] for row in ask("since")} == {str(latest - timedelta(days=6))}


def test_what_a_subagent_costs(audit: Audit, ask: Callable[..., list[Row]]) -> None:
    turns = audit.rows(PARSED_TURNS)
    agents: dict[str, set[str]] = defaultdict(set)
    for row in turns:
        agents[row["session_id"]].add(row["agent"])
    counts = {session: len(names - {"main"}) for session, names in agents.items()}
    theirs = fsum(row["usd"] or 0 for row in turns if row["agent"] != "main")
    told = {row["subagents_of_session"]: row for row in ask("subagents")}
    assert sum(row["sessions"] for row in told.values()) == len(counts)
    assert sum(row["subagents"] for row in told.values()) == sum(counts.values()) > 0
    assert fsum(row["usd_of_subagents"] or 0 for row in told.values()) == near(theirs)
    assert fsum(row["usd"] for row in told.values()) == near(fsum(r["usd"] or 0 for r in turns))
    for row in told.values():
        if row["subagents"]:
            assert row["usd_each"] == near(row["usd_of_subagents"] / row["subagents"])


def test_what_it_would_cost_without_caching(audit: Audit, ask: Callable[..., list[Row]]) -> None:
    turns = audit.rows(PARSED_TURNS)
    for row in turns:
        prompt = sum(row[f"{kind}_tokens"] for kind in ("input", "write_5m", "write_1h", "read"))
        cached = sum(row[f"usd_{kind}"] for kind in ("input", "write_5m", "write_1h", "read"))
        row["plain"] = row["usd"] - cached + prompt * row["rate_input"] / 1e6
    model: Key = lambda row: row["model"]  # noqa: E731
    plain, spent = added(turns, model, "plain"), added(turns, model, "usd")
    reads = added(turns, model, "usd_read")
    told = {row["model"]: row for row in ask("without_caching")}
    assert told.keys() == spent.keys()
    for one, row in told.items():
        assert row["usd_without_caching"] == near(plain[one])
        assert row["usd_saved"] == near(plain[one] - spent[one])
        assert row["share_reads"] == near(reads[one] / spent[one])


def test_which_sessions_to_look_at(audit: Audit, ask: Callable[..., list[Row]]) -> None:
    session: Key = lambda row: row["session_id"]  # noqa: E731
    high = added(of_waste(audit), session, "usd_avoidable")
    spent = added(audit.rows(PARSED_TURNS), session, "usd")
    told = ask("sessions")
    wanted = sorted((-usd, one) for one, usd in high.items() if usd > 0)[:20]
    assert [row["session_id"] for row in told] == [one for _, one in wanted]
    for row in told:
        assert row["usd_wasted_high"] == near(high[row["session_id"]])
        assert row["usd"] == near(spent[row["session_id"]])


def test_what_another_tokenizer_would_cost(audit: Audit, ask: Callable[..., list[Row]]) -> None:
    spent = added(audit.rows(PARSED_TURNS), lambda row: row["model"], "usd")
    measured = {row["model"] for row in audit.rows(TEXT_SIZES) if row["blocks"]}
    told = ask("model_switch")
    assert told and {row["model"] for row in told} <= measured
    for row in told:
        assert row["usd"] == near(spent[row["model"]])
        assert row["usd_more"] == near(row["usd"] * (row["factor"] - 1))
        assert row["usd_more_low"] <= row["usd_more"] <= row["usd_more_high"]


def test_what_labels_cost_and_found(audit: Audit, ask: Callable[..., list[Row]]) -> None:
    told = ask("labels")
    spend = audit.query("SELECT count(*), coalesce(sum(usd), 0) FROM label_spend")
    asked = [row for row in told if row["part"] == "asked"]
    assert [(sum(row["labels"] for row in asked), fsum(row["usd"] for row in asked))] == [
        (spend[0][0], near(spend[0][1]))
    ]
    assert asked
    counts = Counter(
        (row["task"], row["labeler_kind"], row["label"])
        for row in audit.rows(HAIKU_LABELS)
        if row["in_force"] and row["label"] is not None
    )
    found = [row for row in told if row["part"] == "in force"]
    assert {(r["task"], r["by_whom"], r["label"]): r["labels"] for r in found} == counts


def test_how_sure_the_figures_are(audit: Audit, ask: Callable[..., list[Row]]) -> None:
    told = {row["measure"]: row for row in ask("sureness")}
    lines = fsum(row["lines"] for row in audit.rows(LINE_COUNTS))
    turns, waste = audit.rows(PARSED_TURNS), of_waste(audit)
    assert told["lines read"]["of_all"] == lines
    assert told["responses with a price"]["of_all"] == len(turns)
    assert told["responses whose output is a lower bound"]["number"] == sum(
        not row["usage_final"] for row in turns
    )
    for name, column in (("low", "usd_low"), ("high", "usd_avoidable")):
        assert told[f"waste, {name}"]["usd"] == near(fsum(row[column] or 0 for row in waste))
    judged = [row for name, row in told.items() if name.startswith("to be judged")]
    subjects = {(r["day"], r["task"], r["subject_id"]) for r in audit.rows(HAIKU_LABELS)}
    assert sum(row["number"] for row in judged) == len(subjects) > 0
    assert audit.rows(FAILED_CALLS)


# --- the command ---------------------------------------------------------------------------


def run(*arguments: str) -> str:
    done = CliRunner().invoke(commands, ["questions", *arguments])
    assert done.exit_code == 0, done.output
    return done.output


def test_the_command_lists_answers_and_prints_sql(audit: Audit) -> None:
    names = [one.name for one in questions()]
    assert len(names) == 10 == len(set(names))
    assert [line.split()[0] for line in run().splitlines()] == names
    assert [one["name"] for one in json.loads(run("--json"))] == names
    root = ("--data-root", str(audit.data))
    told = json.loads(run("projects", "--json", *root))
    assert told["rows"] == answer(audit.bi, question("projects"))
    text = run("projects", *root)
    assert text.startswith("Which project costs, and wastes, the most?\n\nproject ")
    assert len(text.splitlines()) == 3 + len(told["rows"])
    assert audit.query(run("projects", "--sql"))[0][0] == told["rows"][0]["project"]
    since = json.loads(run("since", "--from", "2026-09-13", "--json", *root))
    assert {row["since"] for row in since["rows"]} == {"2026-09-13"}


def test_the_command_says_what_to_do_where_there_is_no_answer(tmp_path: Path) -> None:
    for arguments, told in (
        (["questions", "weather"], "There is no question 'weather': there are latest_day, "),
        (
            ["questions", "projects", "--data-root", str(tmp_path)],
            f"No answer in {tmp_path}: run `waste-assets audit` first.",
        ),
    ):
        done = CliRunner().invoke(commands, arguments)
        assert done.exit_code == 2 and told in done.output
