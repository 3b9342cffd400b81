"""Whose fault failures were: of their number, and of the dollars that they cost."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from waste_assets.intervals import bootstrap_shares

#: Feedback about the work and what the user willed are no faults.
FAULTS = ("infrastructure", "harness", "model")
#: Infrastructure and harness together.
NOT_MODEL = "not_model"


def fault_shares(failed: Sequence[tuple[str, str, int, float]]) -> list[dict[str, Any]]:
    """The rows of the table `fault_shares`.

    `failed` are session, one of `FAULTS`, calls and USD; none stands there twice. Each interval
    comes from resampled sessions.
    """
    sessions = {name: n for n, name in enumerate(sorted({name for name, *_ in failed}))}
    sums = np.zeros((2, len(sessions), len(FAULTS)))
    for session, fault, calls, usd in failed:
        sums[:, sessions[session], FAULTS.index(fault)] = calls, usd
    # Of each kind of sum the faults, and the first two of them together.
    calls_of, usd_of = (np.hstack((one, one[:, :2].sum(axis=1, keepdims=True))) for one in sums)
    wholes = [np.broadcast_to(one.sum(axis=1, keepdims=True), calls_of.shape) for one in sums]
    shares = bootstrap_shares(np.hstack((calls_of, usd_of)), np.hstack(wholes))
    names = (*FAULTS, NOT_MODEL)
    return [
        {
            "fault": name,
            "calls": int(calls_of[:, n].sum()),
            "sessions": len(sessions),
            "share_of_calls": shares[n].value,
            "share_of_calls_low": shares[n].low,
            "share_of_calls_high": shares[n].high,
            "usd": float(usd_of[:, n].sum()),
            "share_of_usd": shares[len(names) + n].value,
            "share_of_usd_low": shares[len(names) + n].low,
            "share_of_usd_high": shares[len(names) + n].high,
        }
        for n, name in enumerate(names)
    ]
