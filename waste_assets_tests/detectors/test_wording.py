"""What findings tell of a transcript holds no secret, and no finding is lost by that."""

from __future__ import annotations

import random
import string
from collections.abc import Callable
from pathlib import Path

from waste_assets.detectors import wording
from waste_assets.lake.tables import FAILED_CALLS, HEURISTIC_FLAGS
from waste_assets.sample import Conversation, blocks, conversation
from waste_assets_tests.detectors.support import loaded
from waste_assets_tests.support import Audit, Row

#: Makes a secret of so many characters, with letters and digits that look random.
Make = Callable[[int], str]
MISSING = "<tool_use_error>File does not exist.</tool_use_error>"
HOME = "/home/dev"


def made_up(kept: list[str]) -> Make:
    """Secrets that stand nowhere else; both halves of each are kept."""
    chance = random.Random(11)

    def make(size: int) -> str:
        secret = "".join(chance.choices(string.ascii_letters + string.digits, k=size - 2)) + "7q"
        kept.extend((secret[: size // 2], secret[size // 2 :]))
        return secret

    return make


def harmless() -> Make:
    """Words of the same length in the places of secrets."""
    chance = random.Random(11)
    return lambda size: "".join(chance.choices(string.ascii_lowercase, k=size))


def told(make: Make) -> Conversation:
    """A session in which secrets stand wherever findings look: commands, paths, answers."""
    c = conversation("secrets", cwd=f"{HOME}/shop").user("Deploy the shop")
    _failures(c, make)
    c.user("Try another way")
    _dead_ends(c, make)
    c.user("Look around first")
    _looks(c, make)
    with c.subagent("Explore") as agent:
        agent.read(f"{HOME}/shop/notes/ghp_{make(36)}.txt", tokens=3_000)
    return c.say().bash("make ship", f"Exit code 2\nkey=sk-ant-api03-{make(60)}", is_error=True)


def _failures(c: Conversation, make: Make) -> None:
    c.bash(f"curl -u admin:{make(12)} https://shop.test/x", "Exit code 7", is_error=True)
    c.bash(f"export DB_PASSWORD={make(14)} && psql -c x", "Exit code 2\npsql: error", is_error=True)
    c.bash(
        "gh release list",
        f"Exit code 1\nHTTP 401: Bad credentials, sent Authorization: Bearer ghp_{make(36)}",
        is_error=True,
    )
    c.bash("aws s3 ls", f"Exit code 254\nkey AKIA{make(16).upper()} is unknown", is_error=True)
    c.bash(f"cat {HOME}/.ssh/x", f"Exit code 1\ncat: {HOME}/.ssh/x: No such file", is_error=True)
    c.web_fetch(f"https://shop.test/f?sig={make(40)}", code=403)
    c.read(f"{HOME}/shop/keys/sk-ant-api03-{make(50)}", result=MISSING, is_error=True)
    # Cut in the middle of a password, where tables end.
    padding = "ship --verbose " * 25
    url = f"postgres://app:{make(30)}@db/shop"
    c.bash(f"{padding}{url}", "Exit code 127\nship: command not found", is_error=True)


def _dead_ends(c: Conversation, make: Make) -> None:
    failed = "Exit code 128\nfatal: Could not resolve host"
    host = f"https://{make(30)}@git.shop.test/shop"
    for branch in ("main", "next", "old"):
        c.bash(f"git clone -b {branch} {host}", failed, is_error=True)
    c.user("Then without it")
    # What stands behind the blank looks like the program that is run.
    for table in ("a", "b", "c"):
        line = f'PGPASSWORD="{make(9)} {make(11)}" psql -h db -c "\\d {table}"'
        c.bash(line, "Exit code 2\npsql: could not connect to server", is_error=True)
    c.user("Stop")


def _looks(c: Conversation, make: Make) -> None:
    token = f"ghp_{make(36)}"
    c.grep(token, "src/app.py:3").grep(token, "src/app.py:3")
    c.bash(f"grep -rn {token} src", "src/app.py:3").bash(f"grep -rn {token} src", "src/app.py:3")
    path = f"{HOME}/shop/keys/sk-ant-api03-{make(50)}.txt"
    c.read(path, tokens=3_000).read(path, tokens=3_000)
    c.bash(f"mysql -u root -p{make(10)} -e 'select 1'", tokens=12_000)
    held = f"{HOME}/shop/notes/ghp_{make(36)}.txt"
    c.read(held, tokens=3_000)
    for step in range(12):
        c.bash(f"ls part{step}", f"file{step}")
    text = "\n".join(f"line {number}" for number in range(200))
    big = f"{HOME}/shop/{token}.py"
    c.write_file(big, text).write_file(big, text.replace("line 7\n", "line seven\n"))
    c.respond(blocks.say(tokens=900), blocks.bash("ls", "x"))


def rows_of(c: Conversation, folder: Path) -> tuple[list[Row], list[Row]]:
    """The flags and the failed calls that an audit of the session writes."""
    audit = Audit(folder)
    audit.write(c)
    audit.run()
    return audit.rows(HEURISTIC_FLAGS), audit.rows(FAILED_CALLS)


def test_secrets_stay_out_of_findings_and_take_none_along(tmp_path: Path) -> None:
    secrets: list[str] = []
    flags, failed = rows_of(told(made_up(secrets)), tmp_path / "with")
    texts = [row["evidence"] for row in flags]
    texts += [row["target"] for row in (*flags, *failed) if row["target"]]
    whole = "\n".join(str(row) for row in (*flags, *failed))
    assert len(secrets) > 30
    assert [secret for secret in secrets if secret.lower() in whole.lower()] == []
    assert [text for text in texts if HOME in text] == []
    assert sum("[REDACTED:" in text for text in texts) > 20
    assert sum("~/shop" in text for text in texts) > 5

    plain_flags, plain_failed = rows_of(told(harmless()), tmp_path / "without")
    for found, plain in ((flags, plain_flags), (failed, plain_failed)):
        assert list(map(_found, found)) == list(map(_found, plain))
    assert {"dead_end", "retry_error", "file_reread", "oververbose_edit", "cache_read"} <= {
        row["category"] for row in flags
    }


def _found(row: Row) -> tuple[object, ...]:
    names = ("category", "rule", "tier", "cause", "fault", "tool_name", "line_no")
    return tuple(row.get(name) for name in names)


def test_what_was_cut_before_loses_its_last_word() -> None:
    line = "ship " * 76 + "postgres://app:hunter2hunter2@db/shop"
    (call,) = loaded(conversation().user("Ship").bash(line).say())[0].conversations[0].calls
    assert call.target is not None and call.target.endswith("://app:hunte")
    assert (wording.subject(call) or "").endswith("ship postgres://…")


def test_long_paths_are_told_by_their_end_and_all_else_by_its_beginning() -> None:
    path = "/srv/" + "deep/" * 30 + "app.py"
    assert wording.path_of(path).startswith("…") and wording.path_of(path).endswith("deep/app.py")
    assert wording.quoted("Exit code 1\n" + "word " * 50).startswith('"word word')
    assert max(len(wording.path_of(path)), len(wording.quoted("word " * 50)) - 2) == 90
