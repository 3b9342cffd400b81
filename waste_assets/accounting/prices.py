"""What tokens cost: Anthropic's list price of the day, from the dated table `prices.csv`.

One row of the table is the price of a model at one speed, between two UTC dates, for prompts
above a number of tokens. Rates are USD per million tokens. The rule that applies them stands in
`prices.sql`; both `price_charges` and `price_of` run it.

- A request is priced by the row with the largest `above_prompt_tokens` that its prompt (input,
  cache writes and cache reads) exceeds; every token of the request, output included, is priced
  by that row.
- Dates are UTC days, `valid_to` excluded; an empty date is open. The first row of each model,
  speed and threshold is open to the past, so that a clock a day behind never leaves a response
  without a price; the day of the launch is in the row's note.
- The introductory discount of Opus 4.6's fast mode ended at midnight Pacific time, eight hours
  into 2026-02-17 UTC; the table ends it with the UTC day before.
- `inference_geo` 'us' multiplies the token rates by the row's `geo_us`; `service_tier` 'batch'
  halves them. Neither touches web searches, which are USD 10 per 1,000.
- Fast mode has rows of its own. A model that has no row for the speed on that day has no price
  for it, except that Opus 4.6 bills fast requests as standard since 2026-06-29.
- What is not known is NULL (None in Python), never 0: an unknown model, speed, service tier,
  day or number of tokens.

Source: Anthropic's pricing pages and release notes up to 2026-11-12, gathered on 2026-11-22; a
test compares every row with the package genai-prices and explains each difference.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib.resources import as_file, files

import duckdb

_LONG_CONTEXT_MARK = re.compile(r"\[\d+[km]\]$")
#: Who serves the model: `anthropic/`, a Vertex path, a Bedrock id or ARN, LiteLLM's prefixes.
_SERVED_BY = re.compile(
    r"^(?:.*publishers/anthropic/models/"
    r"|arn:aws[\w-]*:bedrock:[^/]*/"
    r"|(?:openrouter/)?anthropic/"
    r"|bedrock/(?:converse/)?"
    r"|vertex_ai/)"
)
_BEDROCK = re.compile(r"^(?:(?:us|us-gov|eu|apac|jp|au|ca|global)\.)?anthropic\.")
#: What follows the name: a release date, `latest`, the revision of a cloud.
_RELEASE = re.compile(r"(?:[-@](?:20\d{6}|20\d{2}-\d{2}-\d{2}|latest|default)|-v\d(?::\d+)?)$")
_NAME = re.compile(
    r"^claude-(?:"
    r"(?P<family>[a-z]+)-(?P<version>\d(?:-\d)?)"
    r"|(?P<old_version>\d(?:-\d)?)-(?P<old_family>[a-z]+)"
    r")$"
)


def canonical_model(name: str) -> str:
    """The name that a model has in the price table, whoever served it.

    Takes off what does not change the list price: case, `[1m]`, the release date, `-latest`, the
    prefixes and revisions of Bedrock and Vertex, `anthropic/`; and spells the version the way
    Anthropic does (`claude-3-5-haiku`, but `claude-haiku-4-5`). A Bedrock region prefix is not
    read as `inference_geo`. A name that it does not understand comes back in lower case, and
    will have no price.
    """
    model = _LONG_CONTEXT_MARK.sub("", name.strip().lower())
    model = _BEDROCK.sub("", _SERVED_BY.sub("", model))
    while (shorter := _RELEASE.sub("", model)) != model:
        model = shorter
    match = _NAME.match(re.sub(r"(?<=\d)\.(?=\d)", "-", model))
    if match is None:
        return model
    family = match["family"] or match["old_family"]
    version = (match["version"] or match["old_version"]).removesuffix("-0")
    if version.startswith("3"):
        return f"claude-{version}-{family}"
    return f"claude-{family}-{version}"


def price_charges(con: duckdb.DuckDBPyConnection, charges: str, into: str) -> None:
    """Price every row of the relation `charges` into the temporary table `into`.

    `charges` names a table or view of `con` with the columns response_id, iteration, model (as
    recorded), priced_on (UTC DATE), speed, inference_geo, service_tier (each may be NULL or
    empty: standard), input_tokens, write_5m_tokens, write_1h_tokens, read_tokens, output_tokens
    and web_search_requests; the token counts do not overlap, and output includes thinking. Other
    columns are carried along.

    `into` (replaced where it exists) has one row for each charge: all columns of `charges`, then
    the struct rates (input, write_5m, write_1h, read, output: USD per million tokens), and
    usd_input, usd_write_5m, usd_write_1h, usd_read, usd_output, usd_web_search and their sum usd,
    DOUBLE, in USD. All are NULL where the model has no price on that day at that speed; usd is
    NULL too where a count is. The order of the rows is not defined.

    Raises:
        duckdb.Error: `charges` does not exist, lacks a column or already has a usd column.
    """
    recorded = con.execute(
        "SELECT DISTINCT model FROM query_table($charges) WHERE model IS NOT NULL",
        {"charges": charges},
    )
    models = [model for (model,) in recorded.fetchall()]
    name = '"' + into.replace('"', '""') + '"'
    with as_file(files(__package__) / "prices.csv") as price_file:
        con.execute(
            f"CREATE OR REPLACE TEMP TABLE {name} AS FROM ({_rule()})",
            _parameters(charges, models, str(price_file)),
        )


@dataclass(frozen=True)
class Rates:
    """What a request pays, in USD per million tokens, all modifiers applied."""

    input: float
    write_5m: float
    write_1h: float
    read: float
    output: float


def price_of(
    model: str,
    on: date,
    *,
    prompt_tokens: int = 0,
    speed: str = "standard",
    inference_geo: str | None = None,
    service_tier: str = "standard",
) -> Rates | None:
    """The rates of one request, in USD per million tokens; None where there is no price.

    Args:
        model: as recorded; any spelling that `canonical_model` understands.
        on: UTC day of the request.
        prompt_tokens: input, cache writes and cache reads of the request together.
        speed: 'standard' or 'fast', as the response reports it.
        inference_geo: 'us' where inference was pinned to the US.
        service_tier: 'standard', 'priority' or 'batch'.

    For a few questions, not for many rows: each call starts a DuckDB of its own.
    """
    with duckdb.connect() as con:
        con.execute(
            """
            CREATE TEMP TABLE charges AS
            SELECT
                $model AS model,
                $on::DATE AS priced_on,
                $speed AS speed,
                $geo::VARCHAR AS inference_geo,
                $tier AS service_tier,
                $prompt_tokens::BIGINT AS input_tokens,
                0 AS write_5m_tokens,
                0 AS write_1h_tokens,
                0 AS read_tokens,
                0 AS output_tokens,
                0 AS web_search_requests
            """,
            {
                "model": model,
                "on": on,
                "speed": speed,
                "geo": inference_geo,
                "tier": service_tier,
                "prompt_tokens": prompt_tokens,
            },
        )
        with as_file(files(__package__) / "prices.csv") as price_file:
            found = con.execute(
                f"SELECT unnest(rates) FROM ({_rule()}) WHERE rates IS NOT NULL",
                _parameters("charges", [model], str(price_file)),
            ).fetchone()
    return None if found is None else Rates(*found)


@cache
def _rule() -> str:
    """The text of `prices.sql`: one SELECT."""
    return (files(__package__) / "prices.sql").read_text(encoding="utf-8")


def _parameters(charges: str, models: list[str], price_file: str) -> dict[str, object]:
    return {
        "charges": charges,
        "raw_models": models,
        "canonical_models": [canonical_model(model) for model in models],
        "price_file": price_file,
    }
