"""Great Expectations: imported late, once a process, and never heard on the network."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from waste_assets.checks.check import Check, Suite
from waste_assets.imports import large_imports

#: Seconds that importing Great Expectations took in this process; 0 until it is needed.
import_seconds = 0.0


def failing_days(
    suite: Suite, days: Sequence[str], measures: Mapping[str, Sequence[float | None]]
) -> dict[str, list[str]]:
    """The days on which each check fails, by its column.

    `measures` has a column a check and a row a day. The suite is the contract: each check is one
    expectation, and whether it is met is for Great Expectations to say.

    Raises:
        RuntimeError: an expectation could not be evaluated.
    """
    if not days:
        return {check.column: [] for check in suite.checks}
    gx, pandas = _libraries()
    # A day that says nothing of a check is as good as one without a fault.
    frame = pandas.DataFrame(
        {name: [value or 0.0 for value in column] for name, column in measures.items()}
    )
    failing: dict[str, list[str]] = {check.column: [] for check in suite.checks}
    # The worst day decides, and mostly it is good. Which days fail costs five times as much to
    # know, and is asked of those checks alone that do.
    worst = _validated(suite.name, [_worst_day(gx, check) for check in suite.checks], frame)
    unmet = [check for check in suite.checks if not worst[check.column].success]
    if unmet:
        each = _validated(suite.name, [_every_day(gx, check) for check in unmet], frame)
        for column, result in each.items():
            failing[column] = [days[index] for index in result.result["unexpected_index_list"]]
    return failing


def _validated(name: str, expectations: list[Any], frame: Any) -> dict[str, Any]:
    """The result of each expectation, by its column."""
    gx, _ = _libraries()
    suite = gx.ExpectationSuite(name=name, expectations=expectations)
    batch = _days().get_batch(batch_parameters={"dataframe": frame})
    outcome = batch.validate(suite, result_format={"result_format": "COMPLETE"})
    results = {}
    for result in outcome.results:
        column = result.expectation_config.kwargs["column"]
        if result.exception_info.get("raised_exception"):
            raise RuntimeError(f"{column}: {result.exception_info['exception_message']}")
        results[column] = result
    return results


@cache
def _days() -> Any:
    """Where a suite's measures go: one row a day."""
    gx, _ = _libraries()
    context = gx.get_context(mode="ephemeral", project_config=_in_memory(gx))
    asset = context.data_sources.add_pandas("lake").add_dataframe_asset("days")
    return asset.add_batch_definition_whole_dataframe("run")


def _in_memory(gx: Any) -> Any:
    """A context that leaves no file behind, shows no progress and tells nobody."""
    types = gx.data_context.types.base
    return types.DataContextConfig(
        store_backend_defaults=types.InMemoryStoreBackendDefaults(init_temp_docs_sites=False),
        progress_bars=types.ProgressBarsConfig(globally=False),
        analytics_enabled=False,
    )


def _worst_day(gx: Any, check: Check) -> Any:
    return gx.expectations.ExpectColumnMaxToBeBetween(**_allowed(check))


def _every_day(gx: Any, check: Check) -> Any:
    return gx.expectations.ExpectColumnValuesToBeBetween(**_allowed(check))


def _allowed(check: Check) -> dict[str, Any]:
    return {
        "column": check.column,
        "min_value": 0,
        "max_value": check.allowed_share,
        "description": check.holds,
        "severity": "critical" if check.blocking else "warning",
    }


@cache
def _libraries() -> tuple[Any, Any]:
    global import_seconds
    started = time.perf_counter()
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    with large_imports():
        import great_expectations
        import pandas

    import_seconds = round(time.perf_counter() - started, 3)
    return great_expectations, pandas
