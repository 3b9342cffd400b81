"""Every check passes on good data and fails on data made to break it, and it alone says why."""

from __future__ import annotations

import re
import shutil
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from waste_assets.assets.audit_report import audit_report
from waste_assets.assets.cluster_summaries import cluster_summaries
from waste_assets.assets.haiku_labels import haiku_labels
from waste_assets.assets.heuristic_flags import heuristic_flags
from waste_assets.assets.parsed_turns import parsed_turns
from waste_assets.assets.raw_sessions import raw_sessions
from waste_assets.assets.waste_mart import waste_mart
from waste_assets.automation import range_tags
from waste_assets.checks import ASSET_CHECKS, WATCHES, expectations
from waste_assets.checks import parsed_turns as turn_checks
from waste_assets.checks import raw_sessions as archive_checks
from waste_assets.checks.check import Suite
from waste_assets.checks.lake_views import held_days
from waste_assets.checks.suite import Finding, run, selected
from waste_assets.definitions import definitions
from waste_assets.detectors.flag import Settings as DetectorSettings
from waste_assets.labels import judged
from waste_assets.labels.question import Judge
from waste_assets.labels.recorded import RecordedAnswers
from waste_assets.lake.lake import Lake
from waste_assets.lake.tables import (
    CLUSTER_SUMMARIES,
    CONTEXT_BLOCKS,
    FAILED_CALLS,
    FAILURE_CLUSTERS,
    HAIKU_LABELS,
    HEURISTIC_FLAGS,
    JUDGED_FLAGS,
    JUDGED_LEDGER,
    LABEL_TABLES,
    LINE_COSTS,
    LINE_COUNTS,
    PARSED_TURNS,
    QUARANTINED_LINES,
    RAW_SESSIONS,
    TOKEN_LEDGER,
    TOOL_CALLS,
    Table,
)
from waste_assets.resources.data_root import DataRoot
from waste_assets.sample import generate
from waste_assets.settings import Settings
from waste_assets_tests.checks.every import SUITES
from waste_assets_tests.labels.judging import AnsweredRoot, answer_to, canary_answers, giving_up
from waste_assets_tests.labels.support import spend_something
from waste_assets_tests.support import Audit

Row = dict[str, Any]
END = date(2026, 9, 14)
#: The day that is broken, and the day after it.
DAY, NEXT = date(2026, 9, 13), END


@dataclass
class Data:
    """A data root that a test may break, and its sources."""

    folder: Path
    time_zone: str = "UTC"

    @property
    def root(self) -> DataRoot:
        return AnsweredRoot(path=str(self.folder / "data"), time_zone=self.time_zone)

    @property
    def lake(self) -> Lake:
        return self.root.lake

    def rows(self, table: Table, day: date = DAY) -> list[Row]:
        parts = self.lake.parts(table, [day])
        return pq.ParquetFile(parts[0]).read().to_pylist() if parts else []

    def rewrite(self, table: Table, rows: list[Row], day: date = DAY) -> None:
        """Replace the rows of a partition, and leave its footer as it is."""
        written = pa.Table.from_pylist(rows, schema=table.schema)
        self.lake.write(table, day, written, self.lake.notes(table, day))

    def change(self, table: Table, change: Callable[[list[Row]], Row]) -> Row:
        """Let `change` spoil the rows of a partition; returns the culprit that it names."""
        rows = self.rows(table)
        culprit = change(rows)
        self.rewrite(table, rows)
        return culprit

    def publish(self, statement: str) -> None:
        with duckdb.connect(str(self.root.bi / "waste.duckdb")) as con:
            con.execute(statement)

    def ask(self, query: str) -> list[tuple[Any, ...]]:
        with duckdb.connect(str(self.root.bi / "waste.duckdb"), read_only=True) as con:
            return con.execute(query).fetchall()

    def check(self, suite: Suite) -> dict[tuple[str, str], Finding]:
        """Run a suite over all days."""
        with duckdb.connect(":memory:") as con:
            found = run(suite, con, self.root, held_days(self.lake, suite, date.max))
        return {(one.check.asset, one.check.name): one for one in found}

    def finding(self, asset: str, name: str) -> Finding:
        """Run one check over all days."""
        return self.check(alone(asset, name))[asset, name]

    def job(self, *names: str, checks_of: tuple[str, ...] = ()) -> dg.JobDefinition:
        """A job over some assets, with all their checks, and over checks of others."""
        selection = dg.AssetSelection.assets(*names) if names else None
        if checks_of:
            checks = dg.AssetSelection.checks_for_assets(*checks_of)
            selection = checks if selection is None else selection | checks
        settings = Settings(self.folder / "data", (self.folder / "source",), self.time_zone)
        given = definitions(settings)
        made = dg.Definitions(
            assets=[
                raw_sessions,
                parsed_turns,
                heuristic_flags,
                haiku_labels,
                cluster_summaries,
                waste_mart,
                audit_report,
            ],
            asset_checks=ASSET_CHECKS,
            resources=given.resources,
            jobs=[dg.define_asset_job("some", selection=selection)],
            executor=dg.in_process_executor,
        )
        return made.resolve_job_def("some")


def alone(asset: str, name: str) -> Suite:
    """The suite that holds a check, without the others."""
    key = dg.AssetCheckKey(dg.AssetKey(asset), name)
    return next(one for suite in SUITES if (one := selected(suite, [key])).checks)


@pytest.fixture(scope="session")
def good_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("good")
    audit = Audit(folder)
    generate(audit.source, sessions=10, days=3, end=END, seed=7)
    audit.write(giving_up("confirmed", str(DAY)), giving_up("rejected", str(DAY)))
    audit.run()
    judge_all(audit)
    for table in (LINE_COSTS, QUARANTINED_LINES, *LABEL_TABLES[1:]):
        for day in audit.lake.days(RAW_SESSIONS):
            if not audit.lake.parts(table, [day]):
                audit.lake.write(table, day, table.schema.empty_table(), {})
    spend_something(audit.data, datetime.now(UTC))
    audit.publish()
    audit.report()
    return folder


def judge_all(audit: Audit) -> None:
    """Let the model confirm every second candidate, and audit the rules."""
    days = audit.lake.days(PARSED_TURNS)
    portions = judged.gathered(audit.lake, days, DetectorSettings(), audit.audit_sample)
    asked = [question for found in portions for one in found for question in one.questions]
    labels = {"dead_end": ("dead_end", "recovered"), "audit": ("none", "retry_error")}
    said = [
        answer_to(question, labels[question.prompt.task][number % 2], Judge())
        for number, question in enumerate(sorted(asked, key=lambda one: one.text))
        if question.prompt.task in labels
    ]
    audit.answers = RecordedAnswers([*canary_answers(), *said])
    audit.answers.write(audit.data / "answers.jsonl")
    audit.labels()


@pytest.fixture
def data(good_data: Path, tmp_path: Path) -> Data:
    shutil.copytree(good_data, tmp_path / "copy")
    return Data(tmp_path / "copy")


@pytest.fixture(scope="module", autouse=True)
def connections() -> Iterator[list[Any]]:
    """Addresses that anything here has tried to reach."""
    tried: list[Any] = []

    def refuse(self: socket.socket, address: Any) -> None:
        tried.append(address)
        raise OSError("no network in these tests")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("waste_assets.definitions.DataRoot", AnsweredRoot)
        patch.setattr(socket.socket, "connect", refuse)
        patch.setattr(socket.socket, "connect_ex", refuse)
        yield tried


# --- one way to break each check -----------------------------------------------------------

Break = Callable[[Data], Row]
BREAKS: dict[tuple[str, str], Break] = {}


def breaks(asset: str, check: str) -> Callable[[Break], Break]:
    def note(one: Break) -> Break:
        BREAKS[asset, check] = one
        return one

    return note


def place(row: Row, *names: str) -> Row:
    return {name: row[name] for name in names or ("transcript", "line_no")}


def first(rows: list[Row], **values: Any) -> Row:
    return next(row for row in rows if values.items() <= row.items())


@breaks("raw_sessions", "rows_match_footer")
def a_line_went_missing(data: Data) -> Row:
    def lose(rows: list[Row]) -> Row:
        rows.remove(first(rows, kind="line"))
        return {"day": DAY, "lines_found": len([row for row in rows if row["kind"] == "line"])}

    return data.change(RAW_SESSIONS, lose)


@breaks("raw_sessions", "lines_identified")
def a_line_has_no_number(data: Data) -> Row:
    def spoil(rows: list[Row]) -> Row:
        row = first(rows, kind="line")
        row["line_no"] = 0
        return place(row)

    return data.change(RAW_SESSIONS, spoil)


@breaks("raw_sessions", "timestamps_in_day")
def a_line_lies_on_another_day(data: Data) -> Row:
    def spoil(rows: list[Row]) -> Row:
        row = next(row for row in rows if row["ts"])
        row["ts"] += timedelta(days=1)
        return place(row)

    return data.change(RAW_SESSIONS, spoil)


@breaks("raw_sessions", "lines_unique")
def a_line_stands_twice(data: Data) -> Row:
    def spoil(rows: list[Row]) -> Row:
        rows.append(rows[3])
        return {**place(rows[3]), "times": 2}

    return data.change(RAW_SESSIONS, spoil)


@breaks("parsed_turns", "responses_unique")
def a_response_stands_on_two_days(data: Data) -> Row:
    row = data.rows(PARSED_TURNS)[0]
    data.rewrite(PARSED_TURNS, [*data.rows(PARSED_TURNS, NEXT), row], NEXT)
    return {**place(row, "response_id", "transcript", "line_no"), "other_day": NEXT}


@breaks("parsed_turns", "responses_complete")
def a_response_is_lost(data: Data) -> Row:
    return data.change(PARSED_TURNS, lambda rows: place(rows.pop(0), "response_id"))


@breaks("parsed_turns", "tokens_not_negative")
def a_count_is_negative(data: Data) -> Row:
    return spoilt_turn(data, output_tokens=-1)


@breaks("parsed_turns", "timestamps_in_day")
def a_response_lies_on_another_day(data: Data) -> Row:
    return spoilt_turn(data, ts=data.rows(PARSED_TURNS)[0]["ts"] - timedelta(days=1))


@breaks("parsed_turns", "lines_accounted")
def a_line_was_neither_decoded_nor_quarantined(data: Data) -> Row:
    def spoil(rows: list[Row]) -> Row:
        row = next(row for row in rows if row["decoded"])
        row["decoded"] -= 1
        return place(row, "transcript", "decoded")

    return data.change(LINE_COUNTS, spoil)


@breaks("parsed_turns", "usd_adds_up")
def a_price_is_not_the_sum_of_its_parts(data: Data) -> Row:
    return spoilt_turn(data, usd=data.rows(PARSED_TURNS)[0]["usd"] + 1e-8)


@breaks("parsed_turns", "models_priced")
def a_model_has_no_price(data: Data) -> Row:
    priced = [name for name in PARSED_TURNS.column_names if name.startswith("usd")]
    return spoilt_turn(data, model="unheard-of", **dict.fromkeys(priced))


@breaks("parsed_turns", "usage_consistent")
def the_lines_of_a_response_disagree(data: Data) -> Row:
    return spoilt_turn(data, usage_conflict=True)


def spoilt_turn(data: Data, **values: Any) -> Row:
    def spoil(rows: list[Row]) -> Row:
        rows[0].update(values)
        return place(rows[0], "response_id", "transcript", "line_no")

    return data.change(PARSED_TURNS, spoil)


@breaks("parsed_turns", "usage_final")
def final_usages_are_missing(data: Data) -> Row:
    def spoil(rows: list[Row]) -> Row:
        for row in rows:
            row["usage_final"] = False
        return {"day": DAY}

    return data.change(PARSED_TURNS, spoil)


@breaks("tool_calls", "calls_of_responses")
def a_call_belongs_to_no_response(data: Data) -> Row:
    def spoil(rows: list[Row]) -> Row:
        rows[0]["response_id"] = "msg_nowhere"
        return place(rows[0], "tool_use_id", "response_id", "transcript", "line_no")

    return data.change(TOOL_CALLS, spoil)


@breaks("tool_calls", "results_linked")
def an_outcome_has_no_result(data: Data) -> Row:
    def spoil(rows: list[Row]) -> Row:
        row = first(rows, outcome="ok")
        row["result_line_no"] = None
        return place(row, "tool_use_id", "transcript", "line_no")

    return data.change(TOOL_CALLS, spoil)


@breaks("tool_calls", "results_with_call")
def calls_are_lost(data: Data) -> Row:
    data.rewrite(TOOL_CALLS, [])
    return {"day": DAY}


@breaks("tool_calls", "calls_with_result")
def results_are_lost(data: Data) -> Row:
    def spoil(rows: list[Row]) -> Row:
        lost = ("result_transcript", "result_line_no", "result_chars")
        for row in rows:
            row.update(outcome="no_result", **dict.fromkeys(lost))
        return {"day": DAY}

    return data.change(TOOL_CALLS, spoil)


@breaks("context_blocks", "blocks_add_up")
def a_block_is_too_large(data: Data) -> Row:
    def spoil(rows: list[Row]) -> Row:
        rows[0]["tokens"] += 1
        rows[0]["end_token"] += 1
        return place(rows[0], "response_id")

    return data.change(CONTEXT_BLOCKS, spoil)


@breaks("context_blocks", "blocks_contiguous")
def a_gap_is_between_two_blocks(data: Data) -> Row:
    def spoil(rows: list[Row]) -> Row:
        row = next(row for row in rows if row["block_no"] == 1)
        row["start_token"] += 2
        row["end_token"] += 2
        return place(row, "response_id", "block_no")

    return data.change(CONTEXT_BLOCKS, spoil)


@breaks("context_blocks", "sizes_not_negative")
def a_block_is_smaller_than_nothing(data: Data) -> Row:
    def spoil(rows: list[Row]) -> Row:
        rows[1]["tokens"] = -5
        return place(rows[1], "response_id", "block_no")

    return data.change(CONTEXT_BLOCKS, spoil)


@breaks("quarantined_lines", "nothing_quarantined")
def a_line_was_set_aside(data: Data) -> Row:
    row = {"transcript": "t.jsonl", "line_no": 7, "path": "t", "reason": "not JSON", "bytes": 3}
    data.rewrite(QUARANTINED_LINES, [row])
    return place(row, "transcript", "line_no", "reason")


def spoilt(table: Table, *names: str, **values: Any) -> Callable[[Data], Row]:
    def spoil(rows: list[Row]) -> Row:
        rows[0].update(values)
        return place(rows[0], *names)

    return lambda data: data.change(table, spoil)


@breaks("token_ledger", "ledger_adds_up")
def a_category_owns_a_token_too_many(data: Data) -> Row:
    tokens = data.rows(TOKEN_LEDGER)[0]["read_tokens"]
    return spoilt(TOKEN_LEDGER, "response_id", read_tokens=tokens + 1)(data)


@breaks("token_ledger", "shares_within_bill")
def a_category_is_not_one_of_the_nine(data: Data) -> Row:
    return spoilt(TOKEN_LEDGER, "response_id", "category", category="bad luck")(data)


@breaks("token_ledger", "shares_unique")
def a_share_stands_twice(data: Data) -> Row:
    def spoil(rows: list[Row]) -> Row:
        rows.append(rows[0])
        return {**place(rows[0], "response_id", "category"), "times": 2}

    return data.change(TOKEN_LEDGER, spoil)


@breaks("token_ledger", "avoidable_within_bill")
def more_could_be_avoided_than_was_billed(data: Data) -> Row:
    def spoil(rows: list[Row]) -> Row:
        row = next(row for row in rows if row["usd"])
        row.update(category="retry_error", usd_avoidable=1e6)
        return place(row, "response_id")

    return data.change(TOKEN_LEDGER, spoil)


@breaks("heuristic_flags", "flags_unique")
def a_flag_stands_twice(data: Data) -> Row:
    def spoil(rows: list[Row]) -> Row:
        rows.append(rows[0])
        return {**place(rows[0], "flag_id"), "times": 2}

    return data.change(HEURISTIC_FLAGS, spoil)


@breaks("heuristic_flags", "amounts_in_order")
def a_flag_owns_more_than_it_claims(data: Data) -> Row:
    usd = data.rows(HEURISTIC_FLAGS)[0]["usd_direct"]
    return spoilt(HEURISTIC_FLAGS, "flag_id", usd_owned=usd + 0.01)(data)


@breaks("heuristic_flags", "flags_followable")
def a_flag_leads_nowhere(data: Data) -> Row:
    return spoilt(HEURISTIC_FLAGS, "flag_id", response_id="msg_nowhere")(data)


@breaks("failed_calls", "failures_complete")
def a_failure_has_no_cause(data: Data) -> Row:
    return data.change(FAILED_CALLS, lambda rows: place(rows.pop(0), "tool_use_id"))


@breaks("failed_calls", "causes_known")
def no_rule_knows_the_causes(data: Data) -> Row:
    def spoil(rows: list[Row]) -> Row:
        # Enough of them: a share of few rows means nothing.
        rows += [{**rows[0], "tool_use_id": f"toolu_{n}"} for n in range(20)]
        for row in rows:
            row["cause_rule"] = None
        return {"day": DAY}

    return data.change(FAILED_CALLS, spoil)


@breaks("failure_clusters", "calls_clustered")
def a_failed_call_is_in_no_cluster(data: Data) -> Row:
    return data.change(FAILURE_CLUSTERS, lambda rows: place(rows.pop(0), "tool_use_id"))


@breaks("failure_clusters", "ids_resolve")
def two_messages_have_one_fingerprint(data: Data) -> Row:
    def spoil(rows: list[Row]) -> Row:
        spoilt_row = {**rows[0], "tool_use_id": "toolu_twin", "template": "~ another message"}
        rows.append(spoilt_row)
        return place(spoilt_row, "tool_use_id", "fingerprint_id")

    return data.change(FAILURE_CLUSTERS, spoil)


@breaks("failure_clusters", "costs_as_in_ledger")
def a_clustered_call_costs_more_than_it_did(data: Data) -> Row:
    usd = data.rows(FAILURE_CLUSTERS)[0]["usd"]
    return spoilt(FAILURE_CLUSTERS, "tool_use_id", usd=usd + 0.01)(data)


@breaks("cluster_summaries", "counts_equal_calls")
def a_cluster_counts_a_call_too_many(data: Data) -> Row:
    count = data.rows(CLUSTER_SUMMARIES)[0]["occurrences"]
    return spoilt(CLUSTER_SUMMARIES, "cluster_id", occurrences=count + 1)(data)


@breaks("waste_mart", "clusters_equal_lake")
def a_cluster_is_published_without_a_day(data: Data) -> Row:
    ((cluster, day),) = data.ask("SELECT cluster_id, day FROM cluster_days ORDER BY ALL LIMIT 1")
    data.publish(f"DELETE FROM cluster_days WHERE cluster_id = '{cluster}' AND day = DATE '{day}'")
    return {"cluster_id": cluster}


@breaks("waste_mart", "small_groups_private")
def an_example_of_one_project_is_published(data: Data) -> Row:
    ((cluster,),) = data.ask(
        "SELECT cluster_id FROM clusters WHERE is_private ORDER BY ALL LIMIT 1"
    )
    data.publish(f"UPDATE clusters SET examples = ['secret'] WHERE cluster_id = '{cluster}'")
    return {"cluster_id": cluster}


@breaks("waste_mart", "days_equal_lake")
def a_published_day_has_a_token_more(data: Data) -> Row:
    data.publish(
        "UPDATE daily_usage SET output_tokens = output_tokens + 1 WHERE rowid = "
        f"(SELECT min(rowid) FROM daily_usage WHERE day = DATE '{DAY}')"
    )
    return {"day": DAY}


@breaks("waste_mart", "sessions_equal_lake")
def a_published_session_costs_more(data: Data) -> Row:
    session = data.rows(PARSED_TURNS)[0]["session_id"]
    data.publish(f"UPDATE session_usage SET usd = usd + 2e-6 WHERE session_id = '{session}'")
    return {"session_id": session}


@breaks("waste_mart", "waste_equals_usage")
def a_day_was_published_before_its_flags_were_made(data: Data) -> Row:
    data.publish(f"DELETE FROM daily_waste WHERE day = DATE '{DAY}'")
    return {"day": DAY, "waste_usd": None}


@breaks("waste_mart", "waste_days_equal_lake")
def more_of_a_day_is_avoidable_than_in_the_lake(data: Data) -> Row:
    ((category,),) = data.ask(
        f"SELECT category FROM daily_waste WHERE day = DATE '{DAY}' AND usd_avoidable > 0 LIMIT 1"
    )
    data.publish(
        "UPDATE daily_waste SET usd_avoidable = usd_avoidable + 2e-6 WHERE rowid = (SELECT "
        f"min(rowid) FROM daily_waste WHERE day = DATE '{DAY}' AND category = '{category}')"
    )
    return {"day": DAY, "category": category}


@breaks("waste_mart", "waste_sessions_equal_lake")
def a_session_has_lost_a_category(data: Data) -> Row:
    ((session, category),) = data.ask(
        "SELECT session_id, category FROM session_waste WHERE category <> 'productive' LIMIT 1"
    )
    data.publish(
        f"DELETE FROM session_waste WHERE session_id = '{session}' AND category = '{category}'"
    )
    return {"session_id": session, "category": category, "published_responses": None}


@breaks("waste_mart", "flags_equal_lake")
def a_flag_is_not_published(data: Data) -> Row:
    row = data.rows(HEURISTIC_FLAGS)[0]
    data.publish(f"DELETE FROM flags WHERE flag_id = '{row['flag_id']}'")
    return {"day": DAY, "flag_id": row["flag_id"], "published_tier": None}


@breaks("waste_mart", "failures_equal_lake")
def a_failure_is_counted_twice(data: Data) -> Row:
    row = data.rows(FAILED_CALLS)[0]
    data.publish(
        "UPDATE failures SET calls = calls + 1 WHERE rowid = (SELECT min(rowid) FROM failures "
        f"WHERE day = DATE '{DAY}' AND cause = '{row['cause']}' AND fault = '{row['fault']}')"
    )
    return {"day": DAY, "cause": row["cause"], "fault": row["fault"]}


@breaks("waste_mart", "remedies_within_waste")
def remedies_save_more_than_was_wasted(data: Data) -> Row:
    ((category,),) = data.ask(
        "SELECT category FROM remedies WHERE usd_high > 0 ORDER BY rank LIMIT 1"
    )
    data.publish(
        "UPDATE remedies SET usd_high = usd_high + 2e-6 WHERE rank = "
        "(SELECT min(rank) FROM remedies WHERE usd_high > 0)"
    )
    return {"day": None, "category": category}


@breaks("waste_mart", "remedies_complete")
def a_remedy_changes_nothing(data: Data) -> Row:
    ((remedy,),) = data.ask("SELECT remedy_id FROM remedies WHERE rank = 1")
    data.publish("UPDATE remedies SET change = ' ' WHERE rank = 1")
    return {"day": None, "remedy_id": remedy, "change": " "}


def spoilt_label(data: Data, which: Row, **values: Any) -> Row:
    def spoil(rows: list[Row]) -> Row:
        row = first(rows, **which)
        row.update(values)
        return place(row, "task", "subject_id")

    return data.change(HAIKU_LABELS, spoil)


LLM = {"labeler_kind": "llm", "task": "dead_end"}


@breaks("haiku_labels", "labels_unique")
def a_label_stands_twice(data: Data) -> Row:
    def spoil(rows: list[Row]) -> Row:
        rows.append(rows[0])
        return {**place(rows[0], "task", "subject_id"), "times": 2}

    return data.change(HAIKU_LABELS, spoil)


@breaks("haiku_labels", "provenance_complete")
def an_answer_has_no_request(data: Data) -> Row:
    return spoilt_label(data, LLM, request_id=None)


@breaks("haiku_labels", "answers_kept")
def an_answer_was_never_given(data: Data) -> Row:
    return spoilt_label(data, LLM, request_id="req_never")


@breaks("haiku_labels", "one_in_force")
def two_labels_count(data: Data) -> Row:
    return {**spoilt_label(data, {"status": "needs_judgement"}, in_force=True), "day": DAY}


@breaks("haiku_labels", "synthetic_apart")
def an_answer_of_this_machine_counts(data: Data) -> Row:
    return spoilt_label(data, LLM, synthetic=True)


@breaks("haiku_labels", "labels_known")
def a_label_is_made_up(data: Data) -> Row:
    return {**spoilt_label(data, LLM, label="terrible"), "label": "terrible"}


@breaks("haiku_labels", "subjects_complete")
def a_flag_is_not_to_be_judged(data: Data) -> Row:
    def spoil(rows: list[Row]) -> Row:
        row = first(rows, status="needs_judgement", subject_kind="flag")
        rows.remove(row)
        return place(row, "subject_id", "subject_kind")

    return data.change(HAIKU_LABELS, spoil)


@breaks("haiku_labels", "requests_answered")
def the_model_refuses(data: Data) -> Row:
    def spoil(rows: list[Row]) -> Row:
        row = first(rows, **LLM)
        rows += [{**row, "subject_id": f"x{n}", "status": "refused"} for n in range(25)]
        return {"status": "refused", "subject_id": "x1"}

    return data.change(HAIKU_LABELS, spoil)


@breaks("judged_ledger", "judged_ledger_adds_up")
def a_judged_share_is_too_large(data: Data) -> Row:
    def spoil(rows: list[Row]) -> Row:
        row = first(rows, category="productive")
        row["usd"] += 1e-6
        return place(row, "response_id")

    return data.change(JUDGED_LEDGER, spoil)


@breaks("judged_flags", "judgements_followed")
def a_confirmed_flag_is_still_a_candidate(data: Data) -> Row:
    def spoil(rows: list[Row]) -> Row:
        row = first(rows, basis="judged")
        row.update(tier="candidate", basis="judged later")
        return {"subject_id": row["flag_id"], "tier": "candidate"}

    return data.change(JUDGED_FLAGS, spoil)


@breaks("judged_flags", "judged_amounts_in_order")
def a_judged_flag_owns_more_than_it_claims(data: Data) -> Row:
    def spoil(rows: list[Row]) -> Row:
        row = first(rows, basis="judged")
        row["usd_owned"] = row["usd_direct"] + 1
        return place(row, "flag_id")

    return data.change(JUDGED_FLAGS, spoil)


@breaks("waste_mart", "labels_equal_lake")
def a_label_is_published_otherwise(data: Data) -> Row:
    data.publish("UPDATE labels SET label = 'polling' WHERE label = 'recovered'")
    return {"published_label": "polling", "lake_label": "recovered"}


def moved(data: Data, table: str, column: str, where: str = "true") -> None:
    """Let the first row of a published table say a thousandth of a cent, or one, more."""
    step = "1e-5" if column.startswith(("usd", "rules_usd", "recorded_usd")) else "1"
    data.publish(
        f"UPDATE {table} SET {column} = {column} + {step} "
        f"WHERE rowid = (SELECT min(rowid) FROM {table} WHERE {where})"
    )


@breaks("waste_mart", "token_kinds_equal_lake")
def a_kind_of_token_costs_more_than_in_the_lake(data: Data) -> Row:
    moved(data, "token_ledger_daily", "usd", "token_kind = 'read'")
    return {"token_kind": "read"}


@breaks("waste_mart", "token_owners_equal_lake")
def a_category_owns_a_token_more_than_in_the_lake(data: Data) -> Row:
    moved(data, "token_ledger_daily", "tokens", "category = 'retry_error'")
    return {"category": "retry_error"}


@breaks("waste_mart", "cache_equals_lake")
def caching_saved_more_than_in_the_lake(data: Data) -> Row:
    ((day, model),) = data.ask("SELECT day, model FROM cache_economics LIMIT 1")
    moved(data, "cache_economics", "usd_uncached")
    return {"day": day, "model": model}


@breaks("waste_mart", "rebuilds_equal_lake")
def a_rebuild_is_counted_twice(data: Data) -> Row:
    ((day, cause),) = data.ask("SELECT day, cause FROM cache_rebuilds LIMIT 1")
    moved(data, "cache_rebuilds", "rebuilds")
    return {"day": day, "cause": cause}


@breaks("waste_mart", "judged_waste_equals_lake")
def the_rules_alone_say_something_else(data: Data) -> Row:
    moved(data, "waste_judged", "rules_usd_avoidable", "category = 'retry_error'")
    return {"category": "retry_error"}


@breaks("waste_mart", "texts_equal_lake")
def a_text_is_a_character_longer(data: Data) -> Row:
    ((model, kind),) = data.ask("SELECT model, text_kind FROM tokenizer_drift LIMIT 1")
    moved(data, "tokenizer_drift", "chars")
    return {"model": model, "text_kind": kind}


@breaks("waste_mart", "recorded_costs_equal_lake")
def a_session_is_said_to_have_recorded_its_costs(data: Data) -> Row:
    data.publish("INSERT INTO cost_reconciliation (session_id, recorded_usd) VALUES ('nobody', 1)")
    return {"session_id": "nobody", "published_usd": 1.0}


@breaks("waste_mart", "failure_counts_agree")
def a_failure_is_the_fault_of_two(data: Data) -> Row:
    ((fault,),) = data.ask("SELECT fault FROM fault_shares WHERE calls > 0 LIMIT 1")
    moved(data, "fault_shares", "calls", "calls > 0")
    return {"kind": fault}


@breaks("waste_mart", "keys_unique")
def a_published_row_stands_twice(data: Data) -> Row:
    data.publish(f"INSERT INTO coverage FROM coverage WHERE day = DATE '{DAY}'")
    return {"table_name": "coverage", "key": str(DAY), "times": 2}


@breaks("waste_mart", "coverage_complete")
def a_day_is_not_covered(data: Data) -> Row:
    data.publish(f"DELETE FROM coverage WHERE day = DATE '{DAY}'")
    return {"day": DAY, "covered_lines": None}


@breaks("waste_mart", "parquet_twins_equal")
def a_parquet_file_is_of_another_database(data: Data) -> Row:
    data.publish("UPDATE meta SET value = 'never' WHERE key = 'published_on'")
    return {"table_name": "meta", "place": "Parquet only"}


@breaks("audit_report", "figures_equal_mart")
def the_report_is_of_another_database(data: Data) -> Row:
    index = data.root.report / "index.html"
    text = index.read_text("utf-8")
    index.write_text(text.replace('id="spent" value="', 'id="spent" value="9', 1))
    return {"page": "index.html", "figure": "spent"}


@breaks("audit_report", "links_lead_somewhere")
def the_page_of_a_session_is_gone(data: Data) -> Row:
    page = min((data.root.report / "sessions").iterdir())
    page.unlink()
    return {"link": f"sessions/{page.name}"}


@breaks("waste_mart", "label_spend_within_reserved")
def a_label_cost_more_than_was_set_aside(data: Data) -> Row:
    data.publish("UPDATE label_spend SET usd = 2 * reserved_usd WHERE outcome = 'answered'")
    return {"outcome": "answered", "usd": 0.002}


@breaks("waste_mart", "label_spend_has_provenance")
def a_label_does_not_say_who_answered(data: Data) -> Row:
    data.publish("UPDATE label_spend SET model_returned = NULL WHERE outcome = 'answered'")
    return {"outcome": "answered", "model_returned": None}


@breaks("waste_mart", "label_spend_known")
def a_label_is_lost(data: Data) -> Row:
    data.publish("UPDATE label_spend SET outcome = 'lost', usd = 0.001 WHERE usd IS NULL")
    return {"outcome": "lost"}


# --- the checks ----------------------------------------------------------------------------


def specs() -> dict[tuple[str, str], dg.AssetCheckSpec]:
    return {
        (spec.asset_key.to_user_string(), spec.name): spec
        for checks in ASSET_CHECKS
        for spec in checks.check_specs
    }


def test_every_check_has_a_way_to_break_it() -> None:
    assert BREAKS.keys() == specs().keys()


@pytest.fixture(scope="module")
def found_in_good_data(
    good_data: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[tuple[str, str], Finding]:
    """What every check finds where nothing is broken."""
    folder = tmp_path_factory.mktemp("found") / "copy"
    shutil.copytree(good_data, folder)
    data = Data(folder)
    return {key: found for suite in SUITES for key, found in data.check(suite).items()}


def test_good_data_passes_every_check(
    found_in_good_data: dict[tuple[str, str], Finding],
) -> None:
    assert found_in_good_data.keys() == specs().keys()
    for key, finding in found_in_good_data.items():
        result = finding.result([DAY])
        assert result.passed, (key, finding.told)
        assert finding.checked.total() or key[0] == "quarantined_lines", key
        assert finding.told.endswith(".")


@pytest.mark.parametrize("key", BREAKS, ids=".".join)
def test_a_check_fails_on_what_it_is_for(key: tuple[str, str], data: Data) -> None:
    culprit = BREAKS[key](data)
    finding = data.finding(*key)
    result = finding.result([DAY])
    assert not result.passed
    assert any(culprit.items() <= row.items() for row in finding.rows), finding.rows
    spec = specs()[key]
    assert result.severity.value == ("ERROR" if spec.blocking else "WARN")
    assert result.metadata["offending_rows"].value == finding.offending.total() > 0
    assert result.metadata["failing_days"].value == len(finding.failing) > 0
    shown = result.metadata["rows"].value
    assert 0 < len(shown) <= 20
    assert result.description is not None
    for words in re.split(r"\{\w+\}", finding.check.remedy):
        assert words in result.description


def test_the_ui_takes_no_name_in_a_sentence_for_markdown() -> None:
    named = [check.remedy for suite in SUITES for check in suite.checks if "{" in check.remedy]
    assert len(named) > 3
    for remedy in named:
        assert "{" not in re.sub(r"`[^`]*`", "", remedy)


def test_what_to_do_names_the_first_row_and_can_be_copied(data: Data) -> None:
    row = {
        "transcript": "a\x1b b $(x).jsonl",
        "line_no": 7,
        "path": "t",
        "reason": "no",
        "bytes": 3,
    }
    data.rewrite(QUARANTINED_LINES, [row])
    told = data.finding("quarantined_lines", "nothing_quarantined").told
    assert "for one (`no`) with `waste-assets show 'a� b $(x).jsonl:7'`" in told
    rows = data.rows(PARSED_TURNS)
    data.rewrite(PARSED_TURNS, [rows[0] | {"model": "{odd}`\x07", "usd": None}, *rows[1:]])
    told = data.finding("parsed_turns", "models_priced").told
    assert "add the models (`{odd}��` for one) to accounting/prices.csv" in told


WARNINGS = {
    ("parsed_turns", "models_priced"),
    ("parsed_turns", "usage_consistent"),
    ("parsed_turns", "usage_final"),
    ("tool_calls", "results_with_call"),
    ("tool_calls", "calls_with_result"),
    ("quarantined_lines", "nothing_quarantined"),
    ("failed_calls", "causes_known"),
    ("waste_mart", "label_spend_within_reserved"),
    ("waste_mart", "label_spend_known"),
    ("haiku_labels", "requests_answered"),
}


def test_all_but_the_warnings_block() -> None:
    assert {key for key, spec in specs().items() if not spec.blocking} == WARNINGS


def test_a_response_that_stands_twice_within_a_day_is_found(data: Data) -> None:
    rows = data.rows(PARSED_TURNS)
    data.rewrite(PARSED_TURNS, [*rows, rows[0]])
    assert data.finding("parsed_turns", "responses_unique").failing == [str(DAY)]


def test_a_response_may_stand_twice_until_its_old_day_is_built_anew(data: Data) -> None:
    rows = [*data.rows(PARSED_TURNS, NEXT), data.rows(PARSED_TURNS)[0]]
    written = pa.Table.from_pylist(rows, schema=PARSED_TURNS.schema)
    data.lake.write(PARSED_TURNS, NEXT, written, {"waste.inputs": "of another time"})
    assert not data.finding("parsed_turns", "responses_unique").failing


def test_days_are_those_of_the_data_roots_time_zone(data: Data) -> None:
    data.time_zone = "Pacific/Auckland"
    for asset in ("raw_sessions", "parsed_turns"):
        assert data.finding(asset, "timestamps_in_day").failing


def test_a_share_of_few_rows_means_nothing(data: Data) -> None:
    rows = data.rows(PARSED_TURNS)[:10]
    for row in rows:
        row.update(agent="main", version="2.1.220", usage_final=False)
    data.rewrite(PARSED_TURNS, rows)
    finding = data.finding("parsed_turns", "usage_final")
    assert finding.offending.total() and not finding.failing


def test_a_lake_without_days_passes(tmp_path: Path) -> None:
    empty = Data(tmp_path)
    for suite in SUITES[:-2]:
        assert not any(one.failing for one in empty.check(suite).values())


def test_a_portion_of_the_days_at_a_time_finds_the_same(
    data: Data, monkeypatch: pytest.MonkeyPatch
) -> None:
    a_block_is_too_large(data)
    told = {key: one.told for key, one in data.check(turn_checks.SUITE).items()}
    monkeypatch.setattr("waste_assets.checks.lake_views._BATCH_LINES", 1)
    assert {key: one.told for key, one in data.check(turn_checks.SUITE).items()} == told


def test_nothing_is_sent_over_the_network(
    found_in_good_data: dict[tuple[str, str], Finding], connections: list[Any]
) -> None:
    assert found_in_good_data
    assert expectations.import_seconds > 0
    assert not connections


# --- in Dagster ----------------------------------------------------------------------------


def executed(job: dg.JobDefinition, tags: dict[str, str] | None = None) -> Any:
    with dg.DagsterInstance.ephemeral() as instance:
        return job.execute_in_process(instance=instance, raise_on_error=False, tags=tags)


def materialised(result: Any) -> set[str]:
    events = result.get_asset_materialization_events()
    return {event.asset_key.to_user_string() for event in events}


@pytest.mark.parametrize(
    ("tags", "days"),
    [
        ({"dagster/partition": str(DAY)}, 1),
        (range_tags(DAY, NEXT), 2),
        ({}, 3),
    ],
    ids=["a day", "a range of days", "no day: all that are held"],
)
def test_a_run_checks_its_days(tags: dict[str, str], days: int, data: Data) -> None:
    stages = ("raw_sessions", *(table.name for table in turn_checks.SUITE.tables[4:]))
    result = executed(data.job(checks_of=stages), tags)
    assert result.success
    told = result.get_asset_check_evaluations()
    assert len(told) == len(archive_checks.SUITE.checks) + len(turn_checks.SUITE.checks)
    assert {one.metadata["days"].value for one in told} == {days}
    assert {one.metadata["last_day"].value for one in told} == {str(NEXT if days > 1 else DAY)}


def test_the_checks_of_one_asset_can_be_run_alone(data: Data) -> None:
    told = executed(data.job(checks_of=("tool_calls",))).get_asset_check_evaluations()
    assert {(one.asset_key.to_user_string(), one.check_name) for one in told} == {
        key for key in specs() if key[0] == "tool_calls"
    }


@pytest.fixture(scope="module")
def good_run(good_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """An audit of two days of a lake in which nothing is broken."""
    folder = tmp_path_factory.mktemp("run") / "copy"
    shutil.copytree(good_data, folder)
    return executed(audit_job(Data(folder)), range_tags(DAY, NEXT))


def test_a_good_lake_is_published(good_run: Any) -> None:
    assert good_run.success
    assert {"waste_mart", "audit_report"} <= materialised(good_run)
    watches = {spec.key for checks in WATCHES for spec in checks.check_specs}
    assert len(watches) == 3
    assert not any(spec.blocking for checks in WATCHES for spec in checks.check_specs)
    evaluated = [one.asset_check_key for one in good_run.get_asset_check_evaluations()]
    assert len(evaluated) == len({*evaluated}) == len(specs()) + len(watches)
    assert watches < {*evaluated}


def test_the_report_tells_where_it_is_and_its_headline(data: Data) -> None:
    result = executed(data.job("audit_report"))
    (event,) = result.get_asset_materialization_events()
    told = {name: value.value for name, value in event.materialization.metadata.items()}
    page = data.root.report / "index.html"
    assert told["path"] == str(page)
    assert told["bytes"] == page.stat().st_size
    assert told["session_pages"] == len(list(page.parent.glob("sessions/*.html"))) > 0
    ((spent,),) = data.ask("SELECT sum(usd) FROM daily_usage")
    assert told["spent_usd"] == pytest.approx(spent, abs=1e-6)
    assert 0 < told["wasted_usd_low"] <= told["wasted_usd_high"] < spent


def test_each_day_tells_what_its_labels_cost(good_run: Any) -> None:
    told = {
        event.partition: {
            name: value.value for name, value in event.materialization.metadata.items()
        }
        for event in good_run.get_asset_materialization_events()
        if event.asset_key is not None and event.asset_key.to_user_string() == HAIKU_LABELS.name
    }
    assert told.keys() == {str(DAY), str(NEXT)}
    for figures in told.values():
        # Floats plot as one line; nothing was asked on behalf of these days, and there is no key.
        assert (figures["label_usd"], figures["label_requests"]) == (0.0, 0)
        assert isinstance(figures["label_usd"], float)
        assert figures["label_usd_per_session"] == 0.0
        assert "label_budget_left_usd" not in figures


def test_a_broken_archive_is_not_parsed(data: Data) -> None:
    a_line_stands_twice(data)
    result = executed(audit_job(data), range_tags(DAY, NEXT))
    assert not result.success
    assert materialised(result) == {"raw_sessions"}


def test_lines_that_are_not_accounted_for_are_not_published(data: Data) -> None:
    a_line_was_neither_decoded_nor_quarantined(data)
    result = executed(audit_job(data), range_tags(DAY, NEXT))
    assert not result.success
    assert "parsed_turns" in materialised(result)
    assert "waste_mart" not in materialised(result)


def test_a_table_beside_parsed_turns_stops_the_publication_too(data: Data) -> None:
    a_block_is_too_large(data)
    tables = tuple(table.name for table in turn_checks.SUITE.tables[4:])
    result = executed(data.job("waste_mart", checks_of=tables))
    assert not result.success
    assert not materialised(result)


def test_a_warning_stops_nothing(data: Data) -> None:
    a_model_has_no_price(data)
    tables = tuple(table.name for table in turn_checks.SUITE.tables[4:])
    result = executed(data.job("waste_mart", checks_of=tables))
    assert "waste_mart" in materialised(result)
    failed = [one for one in result.get_asset_check_evaluations() if not one.passed]
    assert ("models_priced", "WARN") in {(one.check_name, one.severity.value) for one in failed}


def test_what_a_check_has_stopped_is_not_published_by_itself_either(data: Data) -> None:
    published = defined_job(data, "publish")
    assert materialised(executed(published)) == {"waste_mart", "audit_report"}
    a_line_was_neither_decoded_nor_quarantined(data)
    result = executed(published)
    assert not result.success
    assert not materialised(result)


def audit_job(data: Data) -> dg.JobDefinition:
    return defined_job(data, "audit")


def defined_job(data: Data, name: str) -> dg.JobDefinition:
    settings = Settings(data.folder / "data", (data.folder / "source",), data.time_zone)
    return definitions(settings).resolve_job_def(name)
