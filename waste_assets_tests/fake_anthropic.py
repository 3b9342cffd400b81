"""A local imitation of the Messages API: Messages, Message Batches and token counts.

For tests, and for trying the whole flow by hand without a key or a cent:

    python -m waste_assets_tests.fake_anthropic --port 8765

It keeps state as the provider does (batches, results, caches), checks requests as strictly, and
counts for itself what it has answered and billed: in tests, its count is the judge. What it
answers comes from a rule, not from a model; all ids begin with `msg_FAKE_`.

Under `/control/` a test in another process reads the counts and plants faults; within a process
the attributes of `FakeAnthropic` do the same.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import secrets
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

Json = dict[str, Any]
Oracle = Callable[[Json], str]

API_VERSION = "2026-10-21"
KEY = "sk-fake-key"
#: USD per million tokens: input, output, cache write, cache read; a batch pays half.
RATES = (0.10, 0.50, 0.125, 0.01)
MIN_CACHED_TOKENS = 512
CUSTOM_ID = re.compile(r"[a-zA-Z0-9_-]{1,64}")
MODELS = ("claude-haiku-5-5", "claude-haiku-4-5", "claude-haiku-4-5-20251001", "claude-sonnet-5-5")
_FIELDS = {
    "model", "max_tokens", "messages", "system", "thinking", "output_config", "metadata",
    "stop_sequences", "service_tier", "tools", "tool_choice", "inference_geo",
}  # fmt: skip
_SAMPLING = ("temperature", "top_p", "top_k")


class Refused(Exception):
    """The request is answered with an error."""

    def __init__(
        self,
        status: int,
        kind: str,
        told: str,
        code: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(told)
        self.status, self.kind, self.code, self.headers = status, kind, code, headers or {}

    def body(self) -> Json:
        """The error as the API words it."""
        error: Json = {"type": self.kind, "message": str(self)}
        if self.code:
            error["details"] = {"error_code": self.code}
        return {"type": "error", "error": error, "request_id": "req_FAKE"}


@dataclass
class Fault:
    """Something to go wrong: on requests of a method and path, so many times."""

    on: str
    #: drop (before anything is done), lose (done, but no response), hang (done, and silence), cut
    #: (the response breaks off), or an HTTP status.
    do: str | int
    times: int = 1
    kind: str = "api_error"
    told: str = "planted"
    code: str | None = None
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class Batch:
    """A batch, and how often it is still to be looked at before it has ended."""

    batch_id: str
    created_at: datetime
    requests: list[Json]
    polls: int
    results: list[Json] | None = None
    ended_at: datetime | None = None
    is_canceling: bool = False


def tokens_of(text: str) -> int:
    """Tokens of a text by a simple rule."""
    return -(-len(text) * 2 // 5)


def answer_by_schema(params: Json) -> str:
    """Something valid by the schema, chosen by the text of the question."""
    schema = ((params.get("output_config") or {}).get("format") or {}).get("schema")
    text = json.dumps(params["messages"])
    if schema is None:
        return "An answer."
    return json.dumps(_valid(schema, schema.get("$defs", {}), text))


def _valid(schema: Json, shapes: Json, seed: str) -> Any:
    if "$ref" in schema:
        return _valid(shapes[schema["$ref"].rpartition("/")[2]], shapes, seed)
    if "const" in schema:
        return schema["const"]
    if "enum" in schema:
        return schema["enum"][_number(seed) % len(schema["enum"])]
    for name in ("anyOf", "oneOf", "allOf"):
        if name in schema:
            return _valid(schema[name][0], shapes, seed)
    kind = schema.get("type")
    if kind == "object":
        fields = schema.get("properties", {})
        return {name: _valid(one, shapes, seed + name) for name, one in fields.items()}
    if kind == "array":
        return [_valid(schema["items"], shapes, seed)] if schema.get("minItems") else []
    plain = {"string": "made up", "integer": 1, "number": 0.5, "boolean": True, "null": None}
    return plain[kind or "string"]


def _number(seed: str) -> int:
    return int.from_bytes(hashlib.sha256(seed.encode()).digest()[:4])


class FakeAnthropic:
    """The server: starts on a port of this machine, and is asked at `url`.

    `oracle` answers a request. `special` makes something else of requests whose text holds a
    word: refusal, truncated, thinking, wrong_case, not_json, invalid, rejected, api_error, expired,
    canceled, missing.
    """

    def __init__(self, port: int = 0, *, polls: int = 2, oracle: Oracle = answer_by_schema) -> None:
        self.polls = polls
        self.oracle = oracle
        self.special: dict[str, str] = {}
        self.answers: dict[str, Any] = {}
        self.faults: list[Fault] = []
        self.batches: dict[str, Batch] = {}
        #: Messages made, by what was asked: this is what is billed.
        self.answered: Counter[str] = Counter()
        self.billed_usd = 0.0
        #: Method, path, headers and body of every request.
        self.log: list[Json] = []
        self.most_requests, self.most_bytes = 100_000, 256 << 20
        self.page = 20
        #: Where `results_url` points; the server itself if None.
        self.results_host: str | None = None
        self.model_returned: str | None = None
        self._ahead = timedelta()
        self._numbers = 0
        # No two servers give the same id.
        self._mark = secrets.token_hex(3)
        self._cached: set[str] = set()
        self._lock = threading.RLock()
        self._server = ThreadingHTTPServer(("127.0.0.1", port), _handler(self))
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> FakeAnthropic:
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def serve(self) -> None:
        """Serve until interrupted."""
        self._server.serve_forever()

    # --- what a test says and asks -------------------------------------------------------------

    def plant(self, on: str, do: str | int, times: int = 1, **more: Any) -> None:
        """Let something go wrong; `on` is `METHOD /path`, or the beginning of one."""
        with self._lock:
            self.faults.append(Fault(on, do, times, **more))

    def cap(self, times: int = 1) -> None:
        """Let the account's limit on spend be reached."""
        told = "Your organization has reached its spend limit."
        code = "enforced_spend_limit_reached"
        self.plant("POST /v1/messages", 429, times, kind="rate_limit_error", told=told, code=code)

    def advance(self, **span: float) -> None:
        """Let time pass for the server."""
        with self._lock:
            self._ahead += timedelta(**span)

    def end(self) -> None:
        """Let all batches end now."""
        with self._lock:
            for batch in self.batches.values():
                batch.polls = 0
                self._end(batch)

    def reset(self) -> None:
        """Forget everything, as if just started."""
        with self._lock:
            for kept in (self.batches, self.answered, self.faults, self.log, self.special):
                kept.clear()
            self._cached.clear()
            self._ahead, self.billed_usd = timedelta(), 0.0

    def calls(self, start: str) -> list[Json]:
        """The logged requests whose `METHOD /path` begins so."""
        with self._lock:
            return [one for one in self.log if one["call"].startswith(start)]

    def counts(self) -> Json:
        """What was answered and billed, in the server's own count."""
        with self._lock:
            return {
                "batches": len(self.batches),
                "requests": sum(len(batch.requests) for batch in self.batches.values()),
                "answered": dict(self.answered),
                "billed_usd": self.billed_usd,
                "calls": dict(Counter(one["call"] for one in self.log)),
            }

    @property
    def now(self) -> datetime:
        """The time that it is for the server."""
        return datetime.now(UTC) + self._ahead

    # --- the API ---------------------------------------------------------------------------------

    def call(self, call: str, query: dict[str, list[str]], body: Json) -> Any:
        """Do what a request says; returns the body of the response."""
        method, path = call.split(" ", 1)
        parts = path.strip("/").split("/")
        with self._lock:
            if call == "POST /v1/messages":
                _check(body)
                return self._message(body, "standard", _told(body))
            if call == "POST /v1/messages/count_tokens":
                _check({"max_tokens": 1, **body})
                return {"input_tokens": _prompt_tokens(body)}
            if call == "POST /v1/messages/batches":
                return self._create(body)
            if call == "GET /v1/messages/batches":
                return self._list(query)
            if parts[:3] == ["v1", "messages", "batches"] and len(parts) in (4, 5):
                batch = self.batches.get(parts[3])
                if batch is None:
                    raise Refused(404, "not_found_error", f"Batch {parts[3]} not found.")
                if method == "GET" and len(parts) == 4:
                    self._look(batch)
                    return self._shown(batch)
                if method == "GET" and parts[4] == "results":
                    return self._results(batch)
                if method == "POST" and parts[4] == "cancel":
                    batch.is_canceling = True
                    return self._shown(batch)
        raise Refused(404, "not_found_error", f"There is no {call}.")

    def _create(self, body: Json) -> Json:
        requests = body.get("requests")
        if not isinstance(requests, list) or not requests:
            raise Refused(400, "invalid_request_error", "requests: at least one is needed")
        if len(requests) > self.most_requests:
            raise Refused(413, "request_too_large", "too many requests in the batch")
        ids = [str(one.get("custom_id")) for one in requests]
        for one in ids:
            if not CUSTOM_ID.fullmatch(one):
                raise Refused(400, "invalid_request_error", f"custom_id: {one!r} is not valid")
        if len(set(ids)) < len(ids):
            raise Refused(400, "invalid_request_error", "custom_id: must be unique in the batch")
        batch = Batch(f"msgbatch_{self._next()}", self.now, requests, self.polls)
        self.batches[batch.batch_id] = batch
        return self._shown(batch)

    def _list(self, query: dict[str, list[str]]) -> Json:
        limit = min(int(query.get("limit", ["20"])[0]), self.page)
        newest = sorted(self.batches.values(), key=lambda one: one.batch_id, reverse=True)
        after = query.get("after_id", [None])[0]
        if after is not None:
            newest = [one for one in newest if one.batch_id < after]
        shown = [self._shown(one) for one in newest[:limit]]
        return {
            "data": shown,
            "has_more": len(newest) > limit,
            "first_id": shown[0]["id"] if shown else None,
            "last_id": shown[-1]["id"] if shown else None,
        }

    def _look(self, batch: Batch) -> None:
        batch.polls -= 1
        if batch.polls < 0 or self.now - batch.created_at > timedelta(hours=24):
            self._end(batch)

    def _end(self, batch: Batch) -> None:
        """All requests at once: until then there are neither counts nor results."""
        if batch.results is not None:
            return
        late = self.now - batch.created_at > timedelta(hours=24)
        results = []
        for one in batch.requests:
            if batch.is_canceling or late:
                result: Json = {"type": "canceled" if batch.is_canceling else "expired"}
            else:
                result = self._result(one)
            results.append({"custom_id": one["custom_id"], "result": result})
        # In no order that anybody could rely on.
        results.sort(key=lambda one: _number(one["custom_id"]))
        batch.results, batch.ended_at = results, self.now

    def _result(self, request: Json) -> Json:
        params = request.get("params") or {}
        planted = self._planted(params)
        if planted in ("expired", "canceled"):
            return {"type": planted}
        if planted == "api_error":
            return _errored(Refused(500, "api_error", "Internal server error"))
        if planted == "rejected":
            return _errored(Refused(400, "invalid_request_error", "planted"))
        try:
            _check(params)
            for name in ("stream", "speed"):
                if name in params:
                    raise Refused(400, "invalid_request_error", f"{name}: not in a batch")
            made = self._message(params, "batch", request["custom_id"])
        except Refused as refused:
            return _errored(refused)
        return {"type": "succeeded", "message": made}

    def _results(self, batch: Batch) -> list[Json]:
        if self.now - batch.created_at > timedelta(days=29):
            raise Refused(404, "not_found_error", "The results are not available any more.")
        if batch.results is None:
            raise Refused(404, "not_found_error", "The batch has not ended.")
        by_id = {one["custom_id"]: one.get("params") or {} for one in batch.requests}
        return [one for one in batch.results if self._planted(by_id[one["custom_id"]]) != "missing"]

    def _shown(self, batch: Batch) -> Json:
        counts = Counter(one["result"]["type"] for one in batch.results or ())
        has_ended = batch.results is not None
        host = self.results_host or self.url
        return {
            "id": batch.batch_id,
            "type": "message_batch",
            "processing_status": "ended"
            if has_ended
            else ("canceling" if batch.is_canceling else "in_progress"),
            "request_counts": {
                "processing": 0 if has_ended else len(batch.requests),
                **{k: counts[k] for k in ("succeeded", "errored", "canceled", "expired")},
            },
            "created_at": _iso(batch.created_at),
            "expires_at": _iso(batch.created_at + timedelta(hours=24)),
            "ended_at": _iso(batch.ended_at) if batch.ended_at else None,
            "cancel_initiated_at": None,
            "archived_at": None,
            "results_url": f"{host}/v1/messages/batches/{batch.batch_id}/results"
            if has_ended
            else None,
        }

    def _message(self, params: Json, tier: str, name: str) -> Json:
        planted = self._planted(params)
        text, stop = self._text(params), "end_turn"
        content: list[Json] = []
        if planted == "refusal":
            text, stop = "", "refusal"
        elif planted == "thinking":
            content.append({"type": "thinking", "thinking": "Well.", "signature": "fake"})
        elif planted == "wrong_case":
            text = text.upper() if not text.startswith("{") else _upper(text)
        elif planted == "not_json":
            text = "I would say that " + text
        elif planted == "invalid":
            text = json.dumps({"unheard_of": True})
        most = params["max_tokens"]
        if planted == "truncated" or tokens_of(text) > most:
            text, stop = text[: max(1, min(len(text) // 2, most * 2))], "max_tokens"
        if text:
            content.append({"type": "text", "text": text})
        usage = self._usage(params, text, tier)
        self.answered[name] += 1
        return {
            "id": f"msg_{self._next()}",
            "type": "message",
            "role": "assistant",
            "model": self.model_returned or params["model"],
            "content": content,
            "stop_reason": stop,
            "stop_sequence": None,
            "usage": usage,
        }

    def _text(self, params: Json) -> str:
        asked = json.dumps(params["messages"])
        for word, answer in self.answers.items():
            if word in asked:
                return answer if isinstance(answer, str) else json.dumps(answer)
        return self.oracle(params)

    def _planted(self, params: Json) -> str | None:
        asked = json.dumps(params.get("messages"))
        return next((do for word, do in self.special.items() if word in asked), None)

    def _usage(self, params: Json, text: str, tier: str) -> Json:
        prompt = _prompt_tokens(params)
        cached = sum(
            tokens_of(block["text"])
            for block in params.get("system") or ()
            if isinstance(block, dict) and "cache_control" in block
        )
        # Shorter prefixes are not cached, and nothing says so.
        cached = cached if cached >= MIN_CACHED_TOKENS else 0
        prefix = json.dumps([params["model"], params.get("system")])
        is_hit = prefix in self._cached
        if cached:
            self._cached.add(prefix)
        read, written = (cached, 0) if is_hit else (0, cached)
        output = max(1, tokens_of(text))
        counts = (prompt - cached, output, written, read)
        usd = sum(n * rate for n, rate in zip(counts, RATES, strict=True)) / 1e6
        self.billed_usd += usd / 2 if tier == "batch" else usd
        return {
            "input_tokens": prompt - cached,
            "output_tokens": output,
            "cache_creation_input_tokens": written,
            "cache_read_input_tokens": read,
            "cache_creation": {
                "ephemeral_5m_input_tokens": written,
                "ephemeral_1h_input_tokens": 0,
            },
            "service_tier": tier,
        }

    def _next(self) -> str:
        self._numbers += 1
        return f"FAKE_{self._mark}_{self._numbers:06}"

    def fault(self, call: str) -> Fault | None:
        """The planted fault that a request meets, if any."""
        with self._lock:
            for fault in self.faults:
                if fault.times > 0 and call.startswith(fault.on):
                    fault.times -= 1
                    return fault
        return None


def _told(params: Json) -> str:
    """What a message is about: the text that was asked."""
    return json.dumps(params["messages"])


def _prompt_tokens(params: Json) -> int:
    system = params.get("system") or ""
    told = system if isinstance(system, str) else "".join(block["text"] for block in system)
    told += json.dumps(params["messages"]) + json.dumps(params.get("output_config") or {})
    return tokens_of(told) + 10


def _check(params: Json) -> None:
    """What the API says of a request's shape.

    Raises:
        Refused: it is not one.
    """

    def wrong(told: str) -> Refused:
        return Refused(400, "invalid_request_error", told)

    for name in _SAMPLING:
        if name in params:
            raise wrong(f"{name}: sampling parameters are not supported")
    unknown = params.keys() - _FIELDS - {"stream", "speed"}
    if unknown:
        raise wrong(f"{sorted(unknown)[0]}: Extra inputs are not permitted")
    if params.get("model") not in MODELS:
        raise Refused(404, "not_found_error", f"model: {params.get('model')}")
    most = params.get("max_tokens")
    if not isinstance(most, int) or isinstance(most, bool) or most < 1:
        raise wrong("max_tokens: an integer of at least 1 is needed")
    messages = params.get("messages")
    if not isinstance(messages, list) or not messages:
        raise wrong("messages: at least one is needed")
    if messages[-1].get("role") != "user":
        raise wrong("messages: prefilling the answer is not supported")
    thinking = params.get("thinking") or {}
    if "budget_tokens" in thinking:
        raise wrong("thinking.budget_tokens: not supported by this model")
    config = params.get("output_config") or {}
    effort = config.get("effort", "medium")
    if effort not in ("low", "medium", "high", "xhigh", "max"):
        raise wrong(f"output_config.effort: {effort!r}")
    if thinking.get("type") == "disabled" and effort in ("xhigh", "max"):
        raise wrong("thinking: cannot be disabled at this effort")
    shape = config.get("format")
    if shape is not None and (shape.get("type") != "json_schema" or "schema" not in shape):
        raise wrong("output_config.format: a json_schema is needed")
    if shape is not None:
        _check_schema(shape["schema"])


def _check_schema(schema: Any) -> None:
    if isinstance(schema, list):
        for one in schema:
            _check_schema(one)
    if not isinstance(schema, dict):
        return
    if schema.get("type") == "object" and schema.get("additionalProperties") is not False:
        raise Refused(
            400,
            "invalid_request_error",
            "output_config.format.schema: additionalProperties must be false",
        )
    for name in ("minimum", "maximum", "minLength", "maxLength"):
        if name in schema and not isinstance(schema[name], dict):
            raise Refused(
                400,
                "invalid_request_error",
                f"output_config.format.schema: {name} is not supported",
            )
    for one in schema.values():
        _check_schema(one)


def _upper(text: str) -> str:
    """The answer with its words in capitals and its field names as they are."""
    told = json.loads(text)
    return json.dumps({k: v.upper() if isinstance(v, str) else v for k, v in told.items()})


def _errored(refused: Refused) -> Json:
    return {"type": "errored", "error": refused.body()}


def _iso(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")


def _handler(fake: FakeAnthropic) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # A response is one write; without this the next waits for it to be acknowledged.
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            self._serve("GET")

        def do_POST(self) -> None:
            self._serve("POST")

        def log_message(self, *_: Any) -> None:
            pass

        def _serve(self, method: str) -> None:
            parts = urlsplit(self.path)
            call = f"{method} {parts.path}"
            size = int(self.headers.get("content-length") or 0)
            raw = self.rfile.read(size)
            if parts.path.startswith("/control/"):
                self._send(200, _control(fake, parts.path, json.loads(raw or b"{}")))
                return
            headers = {name.lower(): value for name, value in self.headers.items()}
            fault = fake.fault(call)
            if fault is not None and fault.do == "drop":
                self._drop()
                return
            try:
                body = json.loads(raw or b"{}")
                fake.log.append({"call": call, "headers": headers, "body": body})
                if fault is not None and isinstance(fault.do, int):
                    raise Refused(fault.do, fault.kind, fault.told, fault.code, fault.headers)
                _check_headers(headers)
                if size > fake.most_bytes:
                    raise Refused(413, "request_too_large", "the request is too large")
                told = fake.call(call, parse_qs(parts.query), body)
            except Refused as refused:
                self._send(refused.status, refused.body(), refused.headers)
                return
            if fault is not None and fault.do == "lose":
                self._drop()
            elif fault is not None and fault.do == "hang":
                time.sleep(30)
            elif isinstance(told, list):
                self._stream(told, cut=fault is not None and fault.do == "cut")
            else:
                self._send(200, told)

        def _send(self, status: int, body: Any, headers: dict[str, str] | None = None) -> None:
            raw = json.dumps(body).encode()
            self.send_response(status)
            for name, value in {
                "content-type": "application/json",
                "content-length": str(len(raw)),
                "request-id": "req_FAKE",
                **(headers or {}),
            }.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(raw)

        def _stream(self, lines: list[Json], *, cut: bool) -> None:
            self.send_response(200)
            self.send_header("content-type", "application/x-jsonl")
            self.send_header("transfer-encoding", "chunked")
            self.end_headers()
            raw = b"".join(json.dumps(line).encode() + b"\n" for line in lines)
            if cut:
                raw = raw[: len(raw) // 2]
            # Chunks end anywhere, also within a line.
            for start in range(0, len(raw), 1_000):
                chunk = raw[start : start + 1_000]
                self.wfile.write(f"{len(chunk):x}\r\n".encode() + chunk + b"\r\n")
            if cut:
                self._drop()
                return
            self.wfile.write(b"0\r\n\r\n")

        def _drop(self) -> None:
            self.close_connection = True
            self.wfile.flush()
            self.connection.close()

    return Handler


def _check_headers(headers: dict[str, str]) -> None:
    scheme, _, key = headers.get("authorization", "").partition(" ")
    if scheme != "Bearer" or not key.strip() or key.strip() == "sk-wrong":
        raise Refused(401, "authentication_error", "invalid bearer token")
    if headers.get("anthropic-version") != API_VERSION:
        raise Refused(400, "invalid_request_error", "anthropic-version: unknown")


def _control(fake: FakeAnthropic, path: str, body: Json) -> Any:
    name = path.removeprefix("/control/")
    if name == "counts":
        return fake.counts()
    if name == "end":
        fake.end()
    elif name == "plant":
        fake.plant(**body)
    elif name == "advance":
        fake.advance(**body)
    elif name == "answers":
        fake.answers.update(body)
    elif name == "special":
        fake.special.update(body)
    return {"done": name}


def main() -> int:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--port", type=int, default=8765, help="port on this machine")
    parser.add_argument(
        "--polls", type=int, default=2, help="how often a batch is still at work when looked at"
    )
    given = parser.parse_args()
    fake = FakeAnthropic(given.port, polls=given.polls)
    print(f"Answers at {fake.url}; nothing it says is the word of a model. Ctrl-C ends it.")
    sys.stdout.flush()
    try:
        fake.serve()
    except KeyboardInterrupt:
        return 0
    return 0


if __name__ == "__main__":
    sys.exit(main())
