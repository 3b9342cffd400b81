"""Running a suite: SQL counts the faulty rows of each day, the expectations decide.

In Dagster a stage's suite is one multi-asset check, that is one step. The checks are not
partitioned themselves: Dagster's partitioned checks are a preview that records single partitions
only, while a run here covers a range of days. Which days a result is about stands in its metadata.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from typing import Any

import dagster as dg
import duckdb

from waste_assets.assets.described import records, small_table
from waste_assets.checks import expectations
from waste_assets.checks.check import Check, Suite
from waste_assets.checks.lake_views import batches, held_days, open_run, show_days
from waste_assets.redaction.errors import quotes_no_secret
from waste_assets.report.shown import argument, inert
from waste_assets.resources.data_root import DataRoot
from waste_assets.transcripts.names import short_name

#: Rows at fault that a result shows.
_SHOWN = 20
#: The day of rows that belong to none, as the totals of a session.
_NO_DAY = "all days"


@dataclass
class Finding:
    """What a check found over the days of a run."""

    check: Check
    checked: Counter[str] = field(default_factory=Counter)
    offending: Counter[str] = field(default_factory=Counter)
    #: Days on which the check fails.
    failing: list[str] = field(default_factory=list)
    #: Some of the rows at fault, of the failing days first of all.
    rows: list[dict[str, Any]] = field(default_factory=list)

    @property
    def told(self) -> str:
        """The finding in one sentence."""
        check = self.check
        some, all_ = self.offending.total(), self.checked.total()
        if self.failing:
            # Another run may have mended them between the count and the look.
            first = _words(self.rows[0]) if self.rows else {}
            remedy = check.remedy.format_map(defaultdict(lambda: "…", first))
            return f"{some:,} of {all_:,} {check.of} {check.fault}: {remedy}."
        if some:
            return (
                f"{some:,} of {all_:,} {check.of} {check.fault}: no more than the "
                f"{check.allowed_share:.0%} allowed on a day with {check.from_rows} or more."
            )
        return f"{all_:,} {check.of} checked. {check.holds}"

    def result(self, days: list[date]) -> dg.AssetCheckResult:
        """The finding as Dagster records it."""
        checked, offending = self.checked.total(), self.offending.total()
        metadata: dict[str, Any] = {
            "checked_rows": checked,
            "offending_rows": offending,
            "offending_share": round(offending / checked, 6) if checked else 0.0,
            "failing_days": len(self.failing),
            "days": len(days),
        }
        if days:
            metadata |= {"first_day": days[0].isoformat(), "last_day": days[-1].isoformat()}
        if self.rows:
            metadata["rows"] = small_table(self.rows)
        severity = dg.AssetCheckSeverity
        return dg.AssetCheckResult(
            passed=not self.failing,
            asset_key=self.check.asset,
            check_name=self.check.name,
            severity=severity.ERROR if self.check.blocking else severity.WARN,
            description=self.told,
            metadata=metadata,
        )


def _words(row: Mapping[str, Any]) -> dict[str, str]:
    """What a sentence may name of a row, between backticks: the UI takes it for Markdown.

    A place can be copied into a shell, whatever its name.
    """
    words = {name: inert(str(value)) for name, value in row.items()}
    if row.keys() >= {"transcript", "line_no"}:
        words["place"] = argument(short_name(f"{row['transcript']}:{row['line_no']}"))
    return {name: word.replace("`", "\N{REPLACEMENT CHARACTER}") for name, word in words.items()}


def specs(suite: Suite) -> list[dg.AssetCheckSpec]:
    """What Dagster and its UI know of the checks before they run."""
    return [
        dg.AssetCheckSpec(
            check.name,
            asset=check.asset,
            description=check.holds,
            blocking=check.blocking,
            metadata={"allowed_share": check.allowed_share},
        )
        for check in suite.checks
    ]


def days_of_run(
    context: dg.AssetCheckExecutionContext, data_root: DataRoot, suite: Suite
) -> list[date]:
    """The held days that a run is about; all of them where it names none."""
    today = data_root.calendar.day_at(datetime.now(UTC))
    if suite.whole or not (context.has_partition_key or context.has_partition_key_range):
        return held_days(data_root.lake, suite, today)
    range_ = context.partition_key_range
    first, last = map(date.fromisoformat, (range_.start, range_.end))
    return held_days(data_root.lake, suite, today, first, last)


def selected(suite: Suite, keys: Collection[dg.AssetCheckKey]) -> Suite:
    """The suite with the checks that a run asks for."""
    wanted = {(key.asset_key.to_user_string(), key.name) for key in keys}
    kept = tuple(check for check in suite.checks if (check.asset, check.name) in wanted)
    return replace(suite, checks=kept)


def run(
    suite: Suite, con: duckdb.DuckDBPyConnection, data_root: DataRoot, days: list[date]
) -> list[Finding]:
    """Check the days, one finding a check.

    Raises:
        duckdb.Error: a partition cannot be read; the message names the file.
    """
    findings = [Finding(check) for check in suite.checks]
    open_run(con, data_root, suite, days)
    for batch in batches(con, suite, days):
        show_days(con, data_root.lake, suite, batch)
        _count(con, findings)
    labels = sorted(
        {day.isoformat() for day in days}.union(*(finding.offending for finding in findings))
    )
    measures = {
        f.check.column: [f.check.measure(f.checked[day], f.offending[day]) for day in labels]
        for f in findings
    }
    failing = expectations.failing_days(suite, labels, measures)
    for finding in findings:
        finding.failing = failing[finding.check.column]
        if finding.offending:
            _show(con, data_root, suite, finding, days)
    return findings


def _count(con: duckdb.DuckDBPyConnection, findings: list[Finding]) -> None:
    """Count what was looked at and what is at fault, by day."""
    looked_at: dict[str, Counter[str]] = defaultdict(Counter)
    for source in {finding.check.checked for finding in findings}:
        looked_at[source] = _by_day(con, source)
    for finding in findings:
        finding.checked += looked_at[finding.check.checked]
        finding.offending += _by_day(con, f"({finding.check.offending})")


def _by_day(con: duckdb.DuckDBPyConnection, source: str) -> Counter[str]:
    counted = con.execute(f"SELECT day, count(*) FROM {source} GROUP BY day").fetchall()
    return Counter({str(day) if day else _NO_DAY: count for day, count in counted})


def _show(
    con: duckdb.DuckDBPyConnection,
    data_root: DataRoot,
    suite: Suite,
    finding: Finding,
    days: list[date],
) -> None:
    """Fetch some of the rows at fault: every failing day has one at least."""
    named = set((finding.failing or sorted(finding.offending))[:_SHOWN])
    wanted = days if suite.whole else [day for day in days if day.isoformat() in named]
    show_days(con, data_root.lake, suite, wanted)
    finding.rows = records(
        con.execute(f"SELECT * FROM ({finding.check.offending}) ORDER BY ALL LIMIT {_SHOWN}")
    )


@quotes_no_secret
def results(
    suite: Suite,
    context: dg.AssetCheckExecutionContext,
    data_root: DataRoot,
    con: duckdb.DuckDBPyConnection,
) -> Iterator[dg.AssetCheckResult]:
    """Run the checks that a Dagster run asks for, over its days."""
    days = days_of_run(context, data_root, suite)
    wanted = selected(suite, context.selected_asset_check_keys)
    for finding in run(wanted, con, data_root, days):
        yield finding.result(days)
