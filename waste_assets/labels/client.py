"""The provider's API, as far as labels need it: what is sent, what comes back, what went wrong.

A thin layer over the `anthropic` SDK. It knows no question and no budget. What it adds:

- A submit is sent once. The API has no idempotency key, and a second try after a lost response
  would make, and bill, the batch twice. Only a refusal that is certain (429) is tried again.
- Whatever can go wrong is a `Trouble` with a sentence for the person who must act, and a kind
  that says whether the request may have been billed.
- Results are fetched from the address that was asked, never from another one that a response
  names: the key goes with the request.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar
from urllib.parse import urlsplit

import anthropic
import httpx2
from anthropic._decoders.jsonl import JSONLDecoder
from anthropic.types.messages import MessageBatch

from waste_assets.faults import Fault
from waste_assets.labels.address import host_of, is_loopback
from waste_assets.labels.settings import PROVIDER
from waste_assets.labels.trouble import Kind, Trouble

T = TypeVar("T")

#: Seconds: a batch of 64 MB on a slow line takes its time; a question does not.
_SUBMIT_TIMEOUT, _TIMEOUT = 600.0, 60.0
#: How often a submit is sent that was told to come later, and the longest wait, seconds.
_ATTEMPTS, _LONGEST_WAIT = 3, 60.0
_CAP_CODE = "enforced_spend_limit_reached"
_CAP_WORDS = "reached your specified api usage limits"


@dataclass(frozen=True)
class BatchState:
    """Where a batch stands."""

    batch_id: str
    created_at: datetime
    has_ended: bool
    #: Requests in it.
    requests: int


class Client:
    """The API at an address, with a key.

    Raises:
        Fault: there is no key, or the address would carry it in the clear.
    """

    def __init__(
        self, api_key: str, base_url: str = PROVIDER, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        if not api_key.strip():
            raise Fault("There is no API key: set ANTHROPIC_API_KEY, or go without labels.")
        parts = urlsplit(base_url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise Fault(f"{base_url!r} is no address of an API: give one like {PROVIDER}.")
        self.is_synthetic = is_loopback(base_url)
        if parts.scheme == "http" and not self.is_synthetic:
            raise Fault(f"{base_url} would send the API key in the clear: give an https address.")
        self.base_url = base_url
        self.host = host_of(base_url)
        self._sleep = sleep
        self._sdk = anthropic.Anthropic(
            api_key=api_key.strip(),
            base_url=base_url,
            timeout=httpx2.Timeout(_TIMEOUT, connect=10.0),
            http_client=anthropic.DefaultHttpxClient(follow_redirects=False),
        )
        self._once = self._sdk.with_options(max_retries=0)

    def close(self) -> None:
        """Let go of the connections."""
        self._sdk.close()

    def count_tokens(self, params: Mapping[str, Any]) -> int:
        """Input tokens of a request, as the API counts them; free of charge.

        Raises:
            Trouble: the API cannot be reached, does not take the key or the request.
        """
        asked = {name: value for name, value in params.items() if name != "max_tokens"}
        with self._told("count tokens"):
            counted = self._sdk.messages.count_tokens(**asked)
            return _a(int, getattr(counted, "input_tokens", None), self.base_url)

    def submit(self, requests: Sequence[Mapping[str, Any]]) -> str:
        """Make a batch of `{custom_id, params}`; returns its id.

        Raises:
            Trouble: of kind DOUBT where the batch may have been made all the same.
        """
        for attempt in range(_ATTEMPTS):
            try:
                with self._told("submit a batch"):
                    made = self._once.messages.batches.create(
                        requests=requests,  # type: ignore[arg-type]
                        timeout=httpx2.Timeout(_SUBMIT_TIMEOUT, connect=10.0),
                    )
                return _a(str, getattr(made, "id", None), self.base_url)
            except _Later as later:
                if attempt + 1 == _ATTEMPTS:
                    raise Trouble(Kind.BUSY, str(later)) from later
                self._sleep(later.seconds if later.seconds is not None else 2.0**attempt)
        raise AssertionError("unreachable")

    def state(self, batch_id: str) -> BatchState:
        """Where a batch stands.

        Raises:
            Trouble: of kind GONE where the API does not know it.
        """
        with self._told("look after a batch"):
            found = self._sdk.messages.batches.retrieve(batch_id)
            return _state(found, self.base_url)

    def recent(self, since: datetime) -> Iterator[BatchState]:
        """The batches made since then, the newest first.

        Raises:
            Trouble: they cannot be listed.
        """
        with self._told("list batches"):
            for found in self._sdk.messages.batches.list(limit=100):
                state = _state(found, self.base_url)
                if state.created_at < since:
                    return
                yield state

    def results(self, batch_id: str) -> Iterator[dict[str, Any]]:
        """The result lines of a batch that has ended, in no order, as they come.

        Raises:
            Trouble: of kind GONE where they are not kept any more; of kind DOUBT where the
                stream breaks off: it can be read again.
        """
        with self._told("fetch results"):
            lines = self._sdk.get(
                f"/v1/messages/batches/{batch_id}/results",
                cast_to=JSONLDecoder[dict[str, Any]],
                options={"headers": {"Accept": "application/binary"}},
                stream=True,
            )
            try:
                yield from lines
            finally:
                lines.close()

    def message(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """Ask one question at once, at twice a batch's price; sent once.

        Raises:
            Trouble: of kind DOUBT where it may have been billed all the same.
        """
        try:
            with self._told("ask a question"):
                answer = self._once.messages.create(**params)
        except _Later as later:
            raise Trouble(Kind.BUSY, str(later)) from later
        if not isinstance(answer, anthropic.types.Message):
            raise _not_the_api(self.base_url)
        return answer.model_dump(mode="json")

    @contextmanager
    def _told(self, doing: str) -> Iterator[None]:
        try:
            yield
        except anthropic.APIStatusError as error:
            raise _of_status(error, doing, self.base_url) from error
        except (anthropic.APIConnectionError, httpx2.TransportError) as error:
            raise _of_connection(error, doing, self.base_url) from error
        except (anthropic.AnthropicError, httpx2.StreamError, ValueError, TypeError) as error:
            raise Trouble(
                Kind.DOUBT,
                f"What {self.base_url} answered to {doing} could not be read ({error}): check "
                "that it is the address of the API, and try again.",
            ) from error


class _Later(Trouble):
    """Certainly not done; after so many seconds it may be sent again."""

    def __init__(self, told: str, seconds: float | None) -> None:
        super().__init__(Kind.BUSY, told)
        self.seconds = seconds


def _state(found: object, base_url: str) -> BatchState:
    if not isinstance(found, MessageBatch) or not isinstance(found.created_at, datetime):
        raise _not_the_api(base_url)
    counts = found.request_counts
    total = counts.processing + counts.succeeded + counts.errored + counts.canceled + counts.expired
    return BatchState(found.id, found.created_at, found.processing_status == "ended", total)


def _a(kind: type[T], value: object, base_url: str) -> T:
    if not isinstance(value, kind):
        raise _not_the_api(base_url)
    return value


def _not_the_api(base_url: str) -> Trouble:
    return Trouble(
        Kind.DOUBT,
        f"{base_url} answers, but not as the Messages API: check WASTE_ASSETS_LABEL_BASE_URL.",
    )


def _of_connection(error: Exception, doing: str, base_url: str) -> Trouble:
    """Before a connection there was nothing that could have been done."""
    cause = error.__cause__ if isinstance(error, anthropic.APIConnectionError) else error
    never_sent = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout)
    if isinstance(cause, never_sent):
        return Trouble(
            Kind.UNREACHABLE,
            f"{base_url} cannot be reached ({cause or 'no connection'}): check the network and "
            "WASTE_ASSETS_LABEL_BASE_URL.",
        )
    return Trouble(
        Kind.DOUBT,
        f"The connection to {base_url} broke while waiting to {doing} ({cause or error}): what "
        "became of it will be looked up by `waste-assets labels collect`.",
    )


def _of_status(error: anthropic.APIStatusError, doing: str, base_url: str) -> Trouble:
    """What a response with an error means."""
    status, words = error.status_code, error.api_message or f"HTTP {error.status_code}"
    told = f"{base_url} did not {doing}: {words} (HTTP {status})"
    capped = error.error_code == _CAP_CODE or _CAP_WORDS in words.lower()
    if capped or status == 402:
        return Trouble(
            Kind.CAP, f"{told}. The account's limit on spend is reached: raise it, or wait."
        )
    if status in (401, 403):
        return Trouble(
            Kind.KEY, f"{base_url} does not accept the API key ({words}): check ANTHROPIC_API_KEY."
        )
    if status == 429:
        if error.response.headers.get("x-should-retry") == "false":
            return Trouble(Kind.BUSY, f"{told}. Try again later.")
        return _Later(f"{told}. Try again later.", _retry_after(error.response))
    if status == 404:
        return Trouble(
            Kind.GONE, f"{told}. Check WASTE_ASSETS_LABEL_BASE_URL, the model, and whose key it is."
        )
    if status >= 500 or status in (408, 409, 499):
        return Trouble(Kind.DOUBT, f"{told}. Try again later.")
    if 300 <= status < 400:
        return Trouble(Kind.REFUSED, f"{told}. Give the address that it points to.")
    return Trouble(Kind.REFUSED, told)


def _retry_after(response: httpx2.Response) -> float | None:
    try:
        return min(max(float(response.headers["retry-after"]), 0.0), _LONGEST_WAIT)
    except (KeyError, ValueError):
        return None
