"""An S3 server on loopback for the tests, moto's, in front of which faults can be planted."""

from __future__ import annotations

import socket
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import WSGIRequestHandler, make_server

from waste_assets_tests.loopback import s3_client, s3_variables

BUCKET = "tests"
_SLOW_DOWN = (
    b"<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>"
)


@dataclass
class Fault:
    """What befalls the next requests of a method whose path holds a text."""

    method: str
    path: str
    #: `slow`: 503; `cut`: the connection ends within the request; `short`: within the answer.
    kind: str
    times: int = 1


class BucketServer:
    """A server with one empty bucket."""

    def __init__(self) -> None:
        self.faults: list[Fault] = []
        #: Requests so far, by method.
        self.requests: Counter[str] = Counter()
        #: Called before a request of this method whose path holds this text is served, once.
        self.before: list[tuple[str, str, Callable[[], object]]] = []
        self._app = DomainDispatcherApplication(create_backend_app)
        self._server = make_server(
            "127.0.0.1", 0, self._serve, threaded=True, request_handler=_Quiet
        )
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    @contextmanager
    def running(self) -> Iterator[BucketServer]:
        self._thread.start()
        try:
            self.client.create_bucket(Bucket=BUCKET)
            yield self
        finally:
            self._server.shutdown()
            self._server.server_close()

    @property
    def environment(self) -> dict[str, str]:
        """The variables by which every program finds it."""
        return s3_variables(self.url)

    @property
    def client(self) -> Any:
        """A client apart from that of the code under test."""
        return s3_client(self.environment)

    def objects(self) -> dict[str, bytes]:
        """What the bucket holds, by key."""
        client = self.client
        pages = client.get_paginator("list_objects_v2").paginate(Bucket=BUCKET)
        keys = [found["Key"] for page in pages for found in page.get("Contents", ())]
        return {k: client.get_object(Bucket=BUCKET, Key=k)["Body"].read() for k in keys}

    def clear(self) -> None:
        """Empty the bucket, and plant nothing any more."""
        self.faults.clear()
        self.before.clear()
        for key in self.objects():
            self.client.delete_object(Bucket=BUCKET, Key=key)

    def _serve(self, environ: dict[str, Any], start: Any) -> Iterable[bytes]:
        method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"]
        self.requests[method] += 1
        for planted in list(self.before):
            if planted[0] == method and planted[1] in path:
                self.before.remove(planted)
                planted[2]()
        fault = next((f for f in self.faults if f.method == method and f.path in path), None)
        if fault is None:
            return self._app(environ, start)  # type: ignore[no-any-return]
        fault.times -= 1
        if not fault.times:
            self.faults.remove(fault)
        if fault.kind == "slow":
            environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
            start("503 Slow Down", [("Content-Type", "application/xml")])
            return [_SLOW_DOWN]
        if fault.kind == "cut":
            environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0) // 2)
            _hang_up(environ)
            return []
        whole = b"".join(self._app(environ, start))
        return _first_half(whole, environ)


def _first_half(whole: bytes, environ: dict[str, Any]) -> Iterator[bytes]:
    yield whole[: len(whole) // 2]
    _hang_up(environ)


def _hang_up(environ: dict[str, Any]) -> None:
    environ["werkzeug.socket"].shutdown(socket.SHUT_RDWR)


class _Quiet(WSGIRequestHandler):
    def log(self, *_: object) -> None:
        pass
