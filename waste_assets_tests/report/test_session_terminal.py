"""One session in a terminal, and what `shown` does to text before anybody sees it."""

from __future__ import annotations

from io import StringIO

import pytest
from rich.console import Console

from waste_assets.report.did import did
from waste_assets.report.session import NoSuchSession, find_session, told_sessions
from waste_assets.report.session_terminal import print_session
from waste_assets.report.shown import (
    duration,
    fine_usd,
    inert,
    percent,
    tokens,
    usd,
    usd_range,
    without_secrets,
)
from waste_assets.transcripts.days import Calendar
from waste_assets.transcripts.show import archived_lines
from waste_assets_tests.report.conftest import SECRET, Reported


def printed(report: Reported, session: str, width: int = 140) -> str:
    out = StringIO()
    told = told_sessions(report.audit.lake, report.audit.bi, [session])[session]
    print_session(told, Console(file=out, width=width), Calendar("Asia/Tokyo").zone)
    return out.getvalue()


def dearest(report: Reported) -> str:
    session: str = report.written.told["sessions"][0]["session_id"]
    return session


def test_a_session_is_told_with_owners_flags_and_all_its_turns(sample: Reported) -> None:
    session = dearest(sample)
    told = told_sessions(sample.audit.lake, sample.audit.bi, [session])[session]
    text = printed(sample, session)
    assert f"Session {session}\n" in text
    assert f"{usd_range(told['usd_direct'], told['usd_avoidable'])} of it wasted" in text
    for row in told["owners"]:
        assert (f"\n{row['category']} " in text) == (row["usd"] > 0 or row["usd_avoidable"] > 0)
    for turn in told["turns"]:
        assert f"\n{turn['turn']} " in text
    for flag in told["flags"][:10]:
        assert f"{flag['category']}/{flag['rule']}, {flag['tier']}" in text
    assert "of prompt tokens were read from it" in text


def test_its_commands_are_never_broken_and_lead_to_lines(sample: Reported) -> None:
    text = printed(sample, dearest(sample), 90)
    commands = [line.strip() for line in text.splitlines() if "waste-assets show" in line]
    assert commands
    for command in commands:
        (line,) = archived_lines(sample.audit.lake, command.removeprefix("waste-assets show "))
        assert line.startswith(b"{")


def test_no_terminal_obeys_a_transcript(hostile: Reported) -> None:
    for row in hostile.audit.query("SELECT session_id FROM session_usage"):
        text = printed(hostile, row[0])
        assert "\x1b" not in text and "\x07" not in text and "\u202e" not in text
        assert SECRET not in text
        assert "retry_error" in text


def test_a_session_is_found_by_the_beginning_of_its_id(sample: Reported) -> None:
    session = dearest(sample)
    assert find_session(sample.audit.bi, session) == session
    assert find_session(sample.audit.bi, session[:20]) == session
    with pytest.raises(NoSuchSession, match="No session 'nobody' has been accounted for"):
        find_session(sample.audit.bi, "nobody")
    with pytest.raises(NoSuchSession, match="give more of the id"):
        find_session(sample.audit.bi, "")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "plain"),
        ("two\nlines\tand  more ", "two lines and more"),
        ("\x1b[31mred", "\ufffd[31mred"),
        ("a\u202eb\u2066c", "a\ufffdb\ufffdc"),
        ("half \ud800", "half \ufffd"),
        ("שלום 你好 👩‍💻 é", "שלום 你好 👩‍💻 é"),
        ("/home/dev/shop", "~/shop"),
        (f"token {SECRET}", "token [REDACTED:github-token]"),
        ("x" * 500, "x" * 399 + "…"),
    ],
)
def test_a_text_does_nothing_and_tells_no_secret(text: str, shown: str) -> None:
    assert inert(text) == shown
    assert inert(shown) == shown


def test_json_holds_no_secret_at_any_depth() -> None:
    told = {"calls": [{"target": f"x {SECRET}", "n": 1}], "none": None, "share": 0.5}
    assert without_secrets(told) == {
        "calls": [{"target": "x [REDACTED:github-token]", "n": 1}], "none": None, "share": 0.5,
    }  # fmt: skip


def test_figures_have_units_and_few_digits() -> None:
    assert [usd(v) for v in (None, 0, 0.004, 0.005, 1234.5)] == [
        "unpriced", "$0.00", "<$0.01", "$0.01", "$1,234.50",
    ]  # fmt: skip
    assert (usd_range(1, 2), usd_range(1, 1.001)) == ("$1.00 to $2.00", "$1.00")
    assert (fine_usd(0.00123), fine_usd(None)) == ("$0.0012", "unpriced")
    assert [percent(v) for v in (None, 0.0, 0.0001, 0.123)] == ["", "0.0 %", "<0.1 %", "12.3 %"]
    assert [tokens(n) for n in (999, 9_999, 12_345, 1_234_567, 2_500_000_000)] == [
        "999", "9,999", "12.3 k", "1.23 M", "2.50 B",
    ]  # fmt: skip
    assert [duration(s) for s in (5, 90, 7_500, 200_000)] == [
        "5 s", "1 min", "2 h 5 min", "2 days 7 h",
    ]  # fmt: skip


def call(tool: str, target: str | None, outcome: str = "ok") -> dict[str, str | None]:
    return {"tool": tool, "target": target, "outcome": outcome}


def test_what_a_response_did_is_a_line() -> None:
    assert did([], 20) == ""
    assert did([call("Read", "src/app.py")], 20) == "Read src/app.py"
    assert did([call("Bash", "make", "error")], 20) == "Bash make (failed)"
    assert (
        did([call("Read", "a"), call("Read", "b", "error")], 9) == "Read a (and 1 more, 1 failed)"
    )
    assert did([call("Read", "src/very/long/path.py")], 10) == "Read …g/path.py"
    assert did([call("Bash", "echo and much more")], 10) == "Bash echo and…"
    assert did([call("Task", None)], 10) == "Task"
