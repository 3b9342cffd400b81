"""Sending an alert: one POST of a small JSON object, or a sentence that says why not."""

from __future__ import annotations

import json
import threading
import urllib.error
import urllib.request
from collections.abc import Sequence
from http.client import HTTPException
from typing import Any

from waste_assets.alerts.alert import SHAPE, Verdict
from waste_assets.alerts.sent import SentAlerts
from waste_assets.lake.state import State

#: For each step of the exchange, and for all of it: a server may answer a byte at a time.
_STEP_SECONDS, _WHOLE_SECONDS = 5.0, 10.0


class NotSent(Exception):
    """An alert was not delivered. The message never holds the address, which is a secret."""


def send_new(
    verdicts: Sequence[Verdict], state: State, url: str | None, *, with_projects: bool = False
) -> list[str]:
    """Send the alerts that are raised and that nobody has been told of.

    Each kind goes out once for a period; one that could not be delivered is tried again the next
    time.

    Returns:
        Why some were not sent, as sentences.
    """
    if not url:
        return []
    troubles, sent = [], SentAlerts(state)
    for verdict in verdicts:
        if not verdict.is_raised or not sent.claim(verdict.kind, verdict.period):
            continue
        try:
            post(url, {"source": "waste_assets", "shape": SHAPE}
                 | verdict.told(with_projects=with_projects))  # fmt: skip
        except NotSent as error:
            sent.release(verdict.kind, verdict.period)
            troubles.append(f"The alert {verdict.kind} was not sent: {error}")
    return troubles


def post(url: str, told: dict[str, Any]) -> None:
    """POST the object as JSON; whoever answers with 2xx has taken it.

    Raises:
        NotSent: nobody answered in time, or with something else.
    """
    if not url.lower().startswith(("http://", "https://")):
        raise NotSent("WASTE_ASSETS_WEBHOOK is not an address that begins with http(s)://.")
    outcome: list[str | None] = []
    sending = threading.Thread(target=lambda: outcome.append(_posted(url, told)), daemon=True)
    sending.start()
    sending.join(_WHOLE_SECONDS)
    if not outcome:
        raise NotSent(f"no answer within {_WHOLE_SECONDS:.0f} seconds.")
    if outcome[0]:
        raise NotSent(outcome[0])


def _posted(url: str, told: dict[str, Any]) -> str | None:
    """What went wrong, in words."""
    try:
        request = urllib.request.Request(
            url,
            json.dumps(told).encode(),
            {"Content-Type": "application/json", "User-Agent": "waste-assets"},
            method="POST",
        )
        with urllib.request.build_opener(_NoRedirects).open(request, timeout=_STEP_SECONDS):
            return None
    except urllib.error.HTTPError as error:
        return f"the server answered {error.code}."
    except urllib.error.URLError as error:
        return f"{getattr(error.reason, 'strerror', None) or type(error.reason).__name__}."
    except (OSError, HTTPException, ValueError) as error:
        return f"{type(error).__name__}."


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """An alert goes where it was meant to go; following would also turn it into a GET."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None
