"""Great Expectations: imported late, once a process, and never heard on the network."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from waste_assets.checks.check import Check, Suite

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
    context = gx.get_context(mode="ephemeral", project_config=_in_memory(gx))
    batch = (
        context.data_sources.add_pandas("lake")
        .add_dataframe_asset("days")
        .add_batch_definition_whole_dataframe("run")
    )
    contract = context.suites.add(
        gx.ExpectationSuite(
            name=suite.name, expectations=[_expectation(gx, check) for check in suite.checks]
        )
    )
    validation = context.validation_definitions.add(
        gx.ValidationDefinition(name=suite.name, data=batch, suite=contract)
    )
    frame = pandas.DataFrame(
        {name: list(map(_number, column)) for name, column in measures.items()}
    )
    outcome = validation.run(
        batch_parameters={"dataframe": frame}, result_format={"result_format": "COMPLETE"}
    )
    failing = {}
    for result in outcome.results:
        column = result.expectation_config.kwargs["column"]
        if result.exception_info.get("raised_exception"):
            raise RuntimeError(f"{column}: {result.exception_info['exception_message']}")
        at_fault = [] if result.success else result.result["unexpected_index_list"]
        failing[column] = [days[index] for index in at_fault]
    return failing


def _in_memory(gx: Any) -> Any:
    """A context that leaves no file behind, shows no progress and tells nobody."""
    types = gx.data_context.types.base
    return types.DataContextConfig(
        store_backend_defaults=types.InMemoryStoreBackendDefaults(init_temp_docs_sites=False),
        progress_bars=types.ProgressBarsConfig(globally=False),
        analytics_enabled=False,
    )


def _expectation(gx: Any, check: Check) -> Any:
    return gx.expectations.ExpectColumnValuesToBeBetween(
        column=check.column,
        min_value=0,
        max_value=check.allowed_share,
        description=check.holds,
        severity="critical" if check.blocking else "warning",
    )


def _number(value: float | None) -> float:
    # Great Expectations passes over what is missing.
    return float("nan") if value is None else value


@cache
def _libraries() -> tuple[Any, Any]:
    global import_seconds
    started = time.perf_counter()
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    import great_expectations
    import pandas

    import_seconds = round(time.perf_counter() - started, 3)
    return great_expectations, pandas
