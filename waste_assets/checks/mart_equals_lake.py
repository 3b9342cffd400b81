"""What is published beside usage and waste: kinds of tokens, caching, texts, costs, judgements.

Each is held against sums over the lake that are made in another way than the publication makes
them.
"""

from waste_assets.checks.check import Check
from waste_assets.mart.tables import (
    CACHE_ECONOMICS,
    CACHE_REBUILDS,
    CLUSTER_ESTIMATES,
    CLUSTERS,
    COST_RECONCILIATION,
    FAULT_SHARES,
    SESSION_USAGE,
    TOKEN_LEDGER_DAILY,
    TOKENIZER_DRIFT,
    WASTE_JUDGED,
)

_ASSET = "waste_mart"
_REPUBLISH = "materialise waste_mart again, and report a bug if that does not help"
_KINDS = ("input", "write_5m", "write_1h", "read", "output")


def _unlike(
    published: str, lake: str, key: tuple[str, ...], counts: tuple[str, ...], usd: tuple[str, ...]
) -> str:
    """Rows by `key` that differ: in `counts` at all, in amounts `usd` by more than 1e-6."""
    joined = " AND ".join(f"p.{name} IS NOT DISTINCT FROM l.{name}" for name in key)
    differing = [
        *(f"p.{name} IS DISTINCT FROM l.{name}" for name in counts),
        *(f"NOT abs(coalesce(p.{name}, 0) - coalesce(l.{name}, 0)) <= 1e-6" for name in usd),
        "p.is_there IS NULL",
        "l.is_there IS NULL",
    ]
    shown = ", ".join(
        f"p.{name} AS published_{name}, l.{name} AS lake_{name}" for name in (*counts, *usd)
    )
    named = ", ".join(f"coalesce(p.{name}, l.{name}) AS {name}" for name in key)
    day = "" if "day" in key else "NULL::DATE AS day, "
    return f"""
SELECT {day}{named}, {shown}
FROM (SELECT *, true AS is_there FROM ({published})) AS p
FULL JOIN (SELECT *, true AS is_there FROM ({lake})) AS l ON {joined}
WHERE {" OR ".join(differing)}
"""


_UNLIKE_KINDS = _unlike(
    "SELECT day, token_kind, sum(tokens)::BIGINT AS tokens, sum(usd) AS usd "
    f"FROM bi.{TOKEN_LEDGER_DAILY.name} WHERE token_kind <> 'other' GROUP BY day, token_kind",
    "FROM lake_kinds",
    ("day", "token_kind"),
    ("tokens",),
    ("usd",),
)
#: Whoever owns neither a token nor a dollar of a day may stand there or not.
_OWNING = "HAVING tokens <> 0 OR abs(coalesce(sum(usd), 0)) > 1e-9"
_UNLIKE_OWNERS = _unlike(
    "SELECT day, category, sum(tokens) FILTER (token_kind <> 'other')::BIGINT AS tokens, "
    f"sum(usd) AS usd FROM bi.{TOKEN_LEDGER_DAILY.name} GROUP BY day, category {_OWNING}",
    f"SELECT day, category, sum({' + '.join(f'{k}_tokens' for k in _KINDS)})::BIGINT AS tokens, "
    f"sum(usd) AS usd FROM lake_ledger GROUP BY day, category {_OWNING}",
    ("day", "category"),
    ("tokens",),
    ("usd",),
)
_UNLIKE_CACHE = _unlike(
    "SELECT day, model, sum(responses)::BIGINT AS responses, "
    "sum(read_tokens)::BIGINT AS read_tokens, sum(usd) AS usd, sum(usd_read) AS usd_read, "
    "sum(usd_write) AS usd_write, sum(usd_uncached) AS usd_uncached "
    f"FROM bi.{CACHE_ECONOMICS.name} GROUP BY day, model",
    "FROM lake_cache",
    ("day", "model"),
    ("responses", "read_tokens"),
    ("usd", "usd_read", "usd_write", "usd_uncached"),
)
_UNLIKE_REBUILDS = _unlike(
    "SELECT day, cause, tier, sum(rebuilds)::BIGINT AS rebuilds, sum(tokens)::BIGINT AS tokens, "
    f"sum(usd) AS usd FROM bi.{CACHE_REBUILDS.name} GROUP BY day, cause, tier",
    "FROM lake_rebuilds",
    ("day", "cause", "tier"),
    ("rebuilds", "tokens"),
    ("usd",),
)
_AMOUNTS = ("usd_avoidable", "usd_candidate")
_UNLIKE_JUDGED = _unlike(
    f"SELECT day, category, rules_usd_direct, usd_direct, "
    f"{', '.join(f'rules_{name}, {name}' for name in _AMOUNTS)} FROM bi.{WASTE_JUDGED.name}",
    "FROM lake_ruled FULL JOIN (SELECT day, category, sum(usd - usd_candidate) AS usd_direct, "
    f"{', '.join(f'sum({name}) AS {name}' for name in _AMOUNTS)} "
    "FROM lake_ledger GROUP BY day, category) USING (day, category)",
    ("day", "category"),
    (),
    ("rules_usd_direct", "usd_direct", *(f"rules_{name}" for name in _AMOUNTS), *_AMOUNTS),
)
_TEXTS = ("blocks", "tokens", "chars")
_UNLIKE_TEXTS = _unlike(
    f"SELECT model, week, text_kind, {', '.join(_TEXTS)} FROM bi.{TOKENIZER_DRIFT.name}",
    "SELECT model, day - (isodow(day)::INTEGER - 1) AS week, text_kind, "
    f"{', '.join(f'sum({name})::BIGINT AS {name}' for name in _TEXTS)} "
    "FROM lake_texts GROUP BY ALL",
    ("model", "week", "text_kind"),
    _TEXTS,
    (),
)
# Of each process of a session the last count, which is the highest: costs never fall.
_UNLIKE_COSTS = _unlike(
    f"SELECT session_id, recorded_output_tokens AS tokens, recorded_usd AS usd "
    f"FROM bi.{COST_RECONCILIATION.name}",
    "SELECT session_id, sum(tokens)::BIGINT AS tokens, sum(usd) AS usd FROM ("
    "SELECT session_id, arg_max(output_tokens, day) AS tokens, "
    "arg_max(usd, day) AS usd FROM lake_costs "
    "GROUP BY session_id, started_at, model) GROUP BY session_id",
    ("session_id",),
    ("tokens",),
    ("usd",),
)
_UNLIKE_SHARES = _unlike(
    "SELECT fault AS kind, fault AS what, calls, usd "
    f"FROM bi.{FAULT_SHARES.name} WHERE fault <> 'not_model' AND calls > 0 "
    "UNION ALL SELECT e.kind, e.cluster_id, e.occurrences, c.usd "
    f"FROM bi.{CLUSTER_ESTIMATES.name} AS e JOIN bi.{CLUSTERS.name} AS c USING (cluster_id) "
    "WHERE e.kind = 'cluster'",
    "SELECT fault AS kind, fault AS what, sum(calls)::BIGINT AS calls, sum(usd) AS usd "
    "FROM lake_failures "
    "WHERE fault IN ('infrastructure', 'harness', 'model') GROUP BY fault "
    f"UNION ALL SELECT 'cluster', cluster_id, occurrences, usd FROM bi.{CLUSTERS.name}",
    ("kind", "what"),
    ("calls",),
    ("usd",),
)


def _check(name: str, holds: str, checked: str, offending: str, of: str, fault: str) -> Check:
    return Check(_ASSET, name, holds, checked, offending, of, fault, _REPUBLISH)


_OTHERWISE = "have other totals than the lake"
#: They read the published database as `bi`, and the sums of the lake.
CHECKS = (
    _check(
        "token_kinds_equal_lake",
        "The tokens of each day and kind, and their price, equal the lake's responses.",
        f"(SELECT DISTINCT day, token_kind FROM bi.{TOKEN_LEDGER_DAILY.name})",
        _UNLIKE_KINDS,
        "kinds of tokens of days",
        _OTHERWISE,
    ),
    _check(
        "token_owners_equal_lake",
        "What each category owns of a day, over all kinds of tokens, equals the lake's ledger.",
        f"(SELECT DISTINCT day, category FROM bi.{TOKEN_LEDGER_DAILY.name})",
        _UNLIKE_OWNERS,
        "categories of days",
        _OTHERWISE,
    ),
    _check(
        "cache_equals_lake",
        "What each day and model spent on the cache, and would have without, equals the lake's "
        "responses.",
        f"(SELECT DISTINCT day, model FROM bi.{CACHE_ECONOMICS.name})",
        _UNLIKE_CACHE,
        "models of days",
        _OTHERWISE,
    ),
    _check(
        "rebuilds_equal_lake",
        "The rebuilds of each day, cause and tier equal the lake's flags as they are judged.",
        f"bi.{CACHE_REBUILDS.name}",
        _UNLIKE_REBUILDS,
        "causes of rebuilds",
        _OTHERWISE,
    ),
    _check(
        "judged_waste_equals_lake",
        "Waste by the rules alone, and with judgements, equals the lake's ledgers.",
        f"bi.{WASTE_JUDGED.name}",
        _UNLIKE_JUDGED,
        "categories of days",
        _OTHERWISE,
    ),
    _check(
        "texts_equal_lake",
        "The measured texts of each model, week and kind equal the lake's.",
        f"(SELECT NULL::DATE AS day FROM bi.{TOKENIZER_DRIFT.name})",
        _UNLIKE_TEXTS,
        "kinds of text",
        _OTHERWISE,
    ),
    _check(
        "recorded_costs_equal_lake",
        "What Claude Code itself counted for each session equals the lake's lines.",
        f"(SELECT NULL::DATE AS day FROM bi.{SESSION_USAGE.name})",
        _UNLIKE_COSTS,
        "sessions",
        "have other recorded costs than the lake",
    ),
    _check(
        "failure_counts_agree",
        "Failures by fault equal the lake's failed calls, and estimates count what clusters count.",
        f"(SELECT NULL::DATE AS day FROM bi.{FAULT_SHARES.name})",
        _UNLIKE_SHARES,
        "faults",
        "or clusters are counted in two ways",
    ),
)
