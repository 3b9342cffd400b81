"""How right the rules are, by a sample of responses that were judged without knowing what they say.

And what the published waste would be with that in mind.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from waste_assets.agreement import kappa
from waste_assets.intervals import Proportion, proportion

#: Categories that a reader can see in a single response.
CATEGORIES = ("dead_end", "retry_error", "file_reread", "oververbose_edit")
_UNDECIDED = "unclear"
_SAMPLES = 1_000
#: Fewer judged responses of a category say nothing about its total.
_LEAST = 5


@dataclass(frozen=True, slots=True)
class Judged:
    """A response of the sample."""

    response_id: str
    session_id: str
    stratum: str
    #: As many responses it stands for.
    weight: float
    #: What the rules say: a category, or none.
    rule_label: str
    #: What the judge says; unclear where it could not tell.
    label: str


def rule_quality(sample: Sequence[Judged], usd_direct: Mapping[str, float]) -> list[dict[str, Any]]:
    """The rows of the table `rule_quality`; `usd_direct` is the published waste by category.

    There are none without a sample.

    Waste is corrected by the number of responses that the judge would flag over the number that
    the rules flag, both estimated from the same sample: precision over recall. That takes missed
    waste to be as dear as found waste.
    """
    if not sample:
        return []
    decided = [one for one in sample if one.label != _UNDECIDED]
    return [
        _row(category, sample, decided, usd_direct.get(category, 0.0)) for category in CATEGORIES
    ]


def _row(
    category: str, sample: Sequence[Judged], decided: Sequence[Judged], usd: float
) -> dict[str, Any]:
    told = [(one.rule_label == category, one.label == category, one.weight) for one in decided]
    precision = proportion((judge, weight) for rule, judge, weight in told if rule)
    recall = proportion((rule, weight) for rule, judge, weight in told if judge)
    flagged = [one for one in told if one[0]]
    factor = _factor(decided, category) if len(flagged) >= _LEAST else None
    return {
        "category": category,
        "sampled_responses": len(sample),
        "undecided_responses": len(sample) - len(decided),
        "flagged_by_rules": len(flagged),
        "flagged_by_judge": sum(judge for _, judge, _ in told),
        **_interval("precision", precision),
        **_interval("recall", recall),
        "kappa": kappa([(rule, judge) for rule, judge, _ in told]),
        "usd_direct": usd,
        "usd_corrected": None if factor is None else usd * factor[0],
        "usd_corrected_low": None if factor is None else usd * factor[1],
        "usd_corrected_high": None if factor is None else usd * factor[2],
    }


def _interval(name: str, share: Proportion) -> dict[str, float | None]:
    return {name: share.value, f"{name}_low": share.low, f"{name}_high": share.high}


def _factor(decided: Sequence[Judged], category: str) -> tuple[float, float, float] | None:
    """What the judge flags over what the rules flag, with its 95 % interval over sessions."""
    sessions = {name: n for n, name in enumerate(sorted({one.session_id for one in decided}))}
    sums = np.zeros((len(sessions), 2))
    for one in decided:
        sums[sessions[one.session_id]] += (
            one.weight * (one.label == category),
            one.weight * (one.rule_label == category),
        )
    total = sums.sum(axis=0)
    if not total[1]:
        return None
    random = np.random.default_rng(0)
    drawn = np.empty((_SAMPLES, 2))
    for n in range(_SAMPLES):
        chosen = random.integers(0, len(sums), len(sums), dtype=np.int32)
        drawn[n] = sums[chosen].sum(axis=0)
    seen = drawn[:, 1] > 0
    low, high = np.quantile(drawn[seen, 0] / drawn[seen, 1], (0.025, 0.975))
    return float(total[0] / total[1]), float(low), float(high)
