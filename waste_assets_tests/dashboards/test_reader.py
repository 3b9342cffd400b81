"""Superset reads while the pipeline publishes: no error, no mixture, and the newest in the end."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from threading import Event
from typing import Any

import pytest
import requests

from waste_assets.mart.publish import publish
from waste_assets.sample import generate
from waste_assets_tests.loopback import free_port
from waste_assets_tests.support import Audit

ROOT = Path(__file__).parents[2]
RUN = ROOT / "dashboards" / "superset" / "run.sh"
INSTALLED = ROOT / ".venv" / "superset"
SUPERSET = os.environ.get("WASTE_ASSETS_SUPERSET") or (
    str(INSTALLED) if (INSTALLED / ".ready").exists() else None
)
PUBLICATIONS = 20
#: Whatever a publication says of the same dollars; equal in each, and different in the next.
ASKED = """
SELECT
    (SELECT value FROM meta WHERE key = 'inputs') AS inputs,
    (SELECT sum(usd) FROM daily_usage) AS daily,
    (SELECT sum(usd) FROM session_usage) AS sessions,
    (SELECT sum(usd) FROM daily_waste) AS owned,
    (SELECT sum(usd) FROM cache_economics) AS cached
"""


class Superset:
    """A Superset that serves, and somebody who is logged in."""

    def __init__(self, base: str, password: str) -> None:
        self.base = base
        self.headers = {"Referer": base}
        self.cookies: dict[str, str] = {}
        word = {"username": "admin", "password": password, "provider": "db", "refresh": False}
        token = self.ask("/api/v1/security/login", word)["access_token"]
        self.headers["Authorization"] = f"Bearer {token}"
        csrf = self.get("/api/v1/security/csrf_token/")
        self.cookies = csrf.cookies.get_dict()
        self.headers["X-CSRFToken"] = csrf.json()["result"]
        self.database = self.found("/api/v1/database/", "database_name", "waste_assets")
        self.waste = self.found("/api/v1/dataset/", "table_name", "daily_waste")

    def get(self, path: str) -> requests.Response:
        """The answer to a GET; fails where it is none."""
        answer = requests.get(
            self.base + path, headers=self.headers, cookies=self.cookies, timeout=120
        )
        assert answer.status_code == 200, answer.text[:2000]
        return answer

    def ask(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """The answer to a POST; fails with what it says where it is none."""
        answer = requests.post(
            self.base + path, json=body, headers=self.headers, cookies=self.cookies, timeout=120
        )
        assert answer.status_code == 200, answer.text[:2000]
        told: dict[str, Any] = answer.json()
        return told

    def found(self, path: str, column: str, name: str) -> int:
        """The number of the one that is called so."""
        (number,) = (one["id"] for one in self.get(path).json()["result"] if one[column] == name)
        return int(number)

    def sql(self, query: str) -> dict[str, Any]:
        """The one row of a query in SQL Lab."""
        body = {"database_id": self.database, "sql": query, "runAsync": False, "schema": "main"}
        (row,) = self.ask("/api/v1/sqllab/execute/", body)["data"]
        return dict(row)

    def chart(self) -> float:
        """What the chart of the whole bill shows."""
        body = {
            "datasource": {"id": self.waste, "type": "table"},
            "queries": [{"columns": [], "metrics": ["spent"], "filters": []}],
        }
        (answer,) = self.ask("/api/v1/chart/data", body)["result"]
        assert answer["error"] is None and not answer["is_cached"]
        ((value,),) = (row.values() for row in answer["data"])
        return float(value)


@pytest.fixture(scope="module")
def audits(tmp_path_factory: pytest.TempPathFactory) -> tuple[Audit, Audit]:
    """Two accounts that differ in every sum; the first is published."""
    made = []
    for seed in (3, 4):
        audit = Audit(tmp_path_factory.mktemp(f"account{seed}"))
        generate(audit.source, sessions=3, days=2, end=date(2026, 9, 14), seed=seed)
        audit.run()
        made.append(audit)
    made[0].publish()
    return made[0], made[1]


@contextmanager
def served(data: Path) -> Iterator[Superset]:
    """Superset over the dashboard of a data root, from nothing."""
    port = free_port()
    environment = {**os.environ, "PORT": str(port), "WASTE_ASSETS_SUPERSET": str(SUPERSET)}
    with (data / "served.log").open("w") as log:
        process = subprocess.Popen(
            [RUN, data], env=environment, stdout=log, stderr=log, start_new_session=True
        )
    try:
        base = f"http://127.0.0.1:{port}"
        while not answers(base):
            assert process.poll() is None, (data / "served.log").read_text("utf-8")
            time.sleep(0.3)
        yield Superset(base, (data / "superset" / "password").read_text("ascii").strip())
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait()


def answers(base: str) -> bool:
    try:
        return requests.get(f"{base}/health", timeout=120).status_code == 200
    except requests.RequestException:
        return False


def sums(audit: Audit) -> dict[str, Any]:
    """What a reader has to be told while this account is the published one."""
    (row,) = audit.query(ASKED)
    return dict(zip(("inputs", "daily", "sessions", "owned", "cached"), row, strict=True))


@pytest.mark.skipif(
    SUPERSET is None,
    reason="there is no Superset: make dashboard installs it, or say where: WASTE_ASSETS_SUPERSET",
)
def test_superset_reads_whole_publications_while_twenty_are_made(
    audits: tuple[Audit, Audit],
) -> None:
    first, second = audits
    known = [sums(first)]
    publish(second.lake, first.bi, date(2026, 11, 22), second.beside())
    known.append(sums(first))
    assert known[0]["inputs"] != known[1]["inputs"]
    for one in known:
        sums_ = (one["sessions"], one["owned"], one["cached"])
        assert sums_ == pytest.approx((one["daily"],) * 3)
    assert known[0]["daily"] != pytest.approx(known[1]["daily"])
    bills = [one["daily"] for one in known]
    done = Event()

    with served(first.data) as superset:

        def read_sql() -> list[str]:
            seen = []
            while not done.is_set():
                row = superset.sql(ASKED)
                assert row in [pytest.approx(one) for one in known], row
                seen.append(row["inputs"])
            return seen

        def read_chart() -> int:
            count = 0
            while not done.is_set():
                value = superset.chart()
                assert any(value == pytest.approx(bill) for bill in bills), value
                count += 1
            return count

        with ThreadPoolExecutor() as readers:
            by_sql, by_chart = readers.submit(read_sql), readers.submit(read_chart)
            try:
                for number in range(PUBLICATIONS):
                    audit = audits[number % 2]
                    publish(audit.lake, first.bi, date(2026, 11, 22), audit.beside())
                    # What was published is what is read from now on, whoever else reads.
                    assert superset.sql(ASKED) == pytest.approx(known[number % 2])
                assert superset.chart() == pytest.approx(bills[number % 2])
            finally:
                done.set()
        # They did read all the while, and met both.
        assert len(by_sql.result()) > PUBLICATIONS / 2
        assert by_chart.result() > PUBLICATIONS / 2
        assert set(by_sql.result()) == {one["inputs"] for one in known}
