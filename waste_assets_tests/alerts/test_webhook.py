"""Alerts on their way out, to a server on this machine that does what servers do."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from waste_assets.alerts import webhook
from waste_assets.alerts.alert import Verdict
from waste_assets.alerts.webhook import send_new
from waste_assets.lake.state import State
from waste_assets.sample import conversation
from waste_assets_tests.loopback import free_port
from waste_assets_tests.program import run
from waste_assets_tests.support import Audit
from waste_assets_tests.test_cli import told

ALERT = Verdict("budget_80", "2026-09", True, "80 %", {"spent_usd": 80.0}, {"~/secret": 80.0})


class Server(ThreadingHTTPServer):
    """What it was sent, and the status that it answers with."""

    status = 204
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.got: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/T0/SECRET"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.got.append(json.loads(body))
        self.server.headers.append(dict(self.headers))
        if self.server.status == 0:
            # The wire is cut before there is an answer.
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        self.send_response(self.server.status)
        self.send_header("Location", self.server.url)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as made:
        threading.Thread(target=made.serve_forever, daemon=True).start()
        yield made
        made.shutdown()


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    made = State(tmp_path / "data")
    yield made
    made.close()


def test_an_alert_is_one_small_object_without_names(server: Server, state: State) -> None:
    assert send_new([ALERT], state, server.url) == []
    assert server.got == [
        {
            "source": "waste_assets",
            "shape": 1,
            "kind": "budget_80",
            "period": "2026-09",
            "text": "80 %",
            "figures": {"spent_usd": 80.0},
        }
    ]
    assert server.headers[0]["Content-Type"] == "application/json"


def test_names_of_projects_are_sent_where_that_is_allowed(server: Server, state: State) -> None:
    send_new([ALERT], state, server.url, with_projects=True)
    assert server.got[0]["projects"] == {"~/secret": 80.0}


def test_each_kind_is_sent_once_for_a_period(server: Server, state: State) -> None:
    calm = Verdict("waste_jumped", "2026-09-29", False, "as usual")
    for _ in range(3):
        send_new([ALERT, calm], state, server.url)
    assert len(server.got) == 1
    send_new([Verdict("budget_100", "2026-09", True, "all")], state, server.url)
    send_new([Verdict("budget_80", "2026-10", True, "again")], state, server.url)
    assert [one["text"] for one in server.got] == ["80 %", "all", "again"]


def test_two_processes_send_it_once(server: Server, tmp_path: Path) -> None:
    states = [State(tmp_path / "shared") for _ in range(4)]
    sending = [threading.Thread(target=send_new, args=([ALERT], one, server.url)) for one in states]
    for thread in sending:
        thread.start()
    for thread in sending:
        thread.join()
    assert len(server.got) == 1


@pytest.mark.parametrize(
    ("status", "words"), [(500, "answered 500"), (404, "answered 404"), (302, "answered 302"),
                          (0, "RemoteDisconnected")],
)  # fmt: skip
def test_what_could_not_be_sent_is_told_and_tried_again(
    server: Server, state: State, status: int, words: str
) -> None:
    server.status = status
    (trouble,) = send_new([ALERT], state, server.url)
    assert words in trouble and "SECRET" not in trouble
    server.status = 200
    assert send_new([ALERT], state, server.url) == []
    assert len(server.got) == 2


def test_nobody_there_and_no_address_are_told_without_the_address(state: State) -> None:
    port = free_port()
    for url in (f"http://127.0.0.1:{port}/SECRET", "ftp://SECRET/", "SECRET", "http://[SECRET"):
        (trouble,) = send_new([ALERT], state, url)
        assert trouble.startswith("The alert budget_80 was not sent: ")
        assert "SECRET" not in trouble


def test_a_server_that_answers_a_byte_at_a_time_is_given_up(
    state: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhook, "_WHOLE_SECONDS", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def dribble() -> None:
            connection, _ = listening.accept()
            with connection:
                for _ in range(30):
                    try:
                        connection.send(b"H")
                    except OSError:
                        return
                    time.sleep(0.1)

        threading.Thread(target=dribble, daemon=True).start()
        started = time.monotonic()
        (trouble,) = send_new(
            [ALERT], state, f"http://127.0.0.1:{listening.getsockname()[1]}/SECRET"
        )
        assert time.monotonic() - started < 2
        assert "no answer within" in trouble


def test_an_audit_sends_the_alert_once_and_never_fails_for_it(
    server: Server, tmp_path: Path
) -> None:
    audit = Audit(tmp_path)
    now = datetime.now(UTC).replace(microsecond=0) - timedelta(seconds=1)
    start = now.isoformat().replace("+00:00", "Z")
    audit.write(conversation("now", start=start, cwd="/home/dev/secret").user("Go").say())
    arguments = ("audit", audit.source, "--data-root", audit.data)
    given = {"WASTE_ASSETS_MONTHLY_USD": "0.000001", "WASTE_ASSETS_WEBHOOK": server.url}
    server.status = 500
    first = run(*arguments, "--json", home=tmp_path, **given)
    account = told(first)
    assert first.returncode == 0
    assert [one["kind"] for one in account["alerts"]] == ["budget_100"]
    assert account["alerts_not_sent"] and account["errors"] == []
    assert ("waste_mart", "within_budget", "WARN") in {
        (one["asset"], one["check"], one["severity"]) for one in account["checks"]["failed"]
    }
    server.status = 200
    tried = len(server.got)
    printed = run(*arguments, home=tmp_path, **given)
    assert printed.returncode == 0 and b"of the budget of" in printed.stdout
    for _ in range(2):
        assert told(run(*arguments, "--json", home=tmp_path, **given))["alerts_not_sent"] == []
    assert len(server.got) == tried + 1
    assert all(one["kind"] == "budget_100" for one in server.got)
    assert "secret" not in json.dumps(server.got)
    refused = run(*arguments, home=tmp_path, WASTE_ASSETS_MONTHLY_USD="much")
    assert refused.returncode == 2 and b"give a number of dollars" in refused.stderr
