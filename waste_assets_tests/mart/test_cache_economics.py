"""Shares of the bill, rebuilds by cause, and the bill without caching."""

from __future__ import annotations

from pathlib import Path

import pytest

from waste_assets.lake.tables import HEURISTIC_FLAGS, PARSED_TURNS
from waste_assets.mart.tables import CACHE_ECONOMICS, CACHE_REBUILDS
from waste_assets.sample import Conversation, conversation
from waste_assets_tests.support import Audit, Row

#: USD of a token of claude-opus-4-6.
INPUT, WRITE_5M, WRITE_1H, READ, OUTPUT = 5e-6, 6.25e-6, 10e-6, 0.5e-6, 25e-6


def economics(folder: Path, *conversations: Conversation) -> tuple[Audit, list[Row], list[Row]]:
    """The rows of both tables over some conversations."""
    audit = Audit(folder)
    audit.write(*conversations)
    audit.run()
    audit.publish()
    return audit, audit.published(CACHE_ECONOMICS), audit.published(CACHE_REBUILDS)


def test_the_bill_is_told_with_and_without_its_cache(tmp_path: Path) -> None:
    c = conversation("plain").user("x" * 400).read("a.py", 300, output=50).say(output=20)
    audit, (row,), rebuilds = economics(tmp_path, c)
    first, second = audit.rows(PARSED_TURNS)
    # 18,100 tokens, then 350 more; three are sent after the last breakpoint each time.
    assert (first["write_1h_tokens"], second["read_tokens"]) == (18_097, 18_097)
    written, read, sent = 18_097 + 350, 18_097, 6
    assert row["usd_write"] == pytest.approx(written * WRITE_1H, abs=1e-12)
    assert row["usd_read"] == pytest.approx(read * READ, abs=1e-12)
    output = 70 * OUTPUT
    assert row["usd"] == pytest.approx(
        written * WRITE_1H + read * READ + sent * INPUT + output, abs=1e-12
    )
    assert row["usd_uncached"] == pytest.approx((written + read + sent) * INPUT + output, abs=1e-12)
    assert row["read_share_of_prompt"] == pytest.approx(read / (written + read + sent))
    assert row["read_share_of_usd"] == pytest.approx(row["usd_read"] / row["usd"])
    assert row["write_share_of_usd"] == pytest.approx(row["usd_write"] / row["usd"])
    assert row["cache_share_of_usd"] == pytest.approx(
        row["read_share_of_usd"] + row["write_share_of_usd"]
    )
    assert (row["rebuilds"], row["usd_rebuilt"], rebuilds) == (0, 0.0, [])


def test_rebuilds_are_told_by_cause(tmp_path: Path) -> None:
    c = conversation("broken", ttl="5m").user("x" * 400).read("a.py", 300, output=50)
    c.wait(minutes=7).say().bust().say(cache_miss_reason="system_changed")
    audit, (row,), rebuilds = economics(tmp_path, c)
    assert [(one["cause"], one["rebuilds"]) for one in rebuilds] == [("idle", 1), ("system", 1)]
    idle = rebuilds[0]
    assert idle["tokens"] == 18_097
    assert idle["usd"] == pytest.approx(18_097 * (WRITE_5M - READ), abs=1e-12)
    assert row["rebuilds"] == 2
    assert row["rebuilt_tokens"] == sum(one["tokens"] for one in rebuilds)
    assert row["usd_rebuilt"] == pytest.approx(sum(one["usd"] for one in rebuilds))
    unread = [one for one in audit.rows(HEURISTIC_FLAGS) if one["rule"] == "unread"]
    assert row["unread_tokens"] == sum(one["tokens"] for one in unread) > 0
    assert row["usd_unread"] == pytest.approx(sum(one["usd_direct"] for one in unread))


def test_models_days_and_projects_stand_apart(tmp_path: Path) -> None:
    one = conversation("one", cwd="/home/dev/shop").user("Go").say()
    two = conversation("two", cwd="/home/dev/shop", model="claude-sonnet-5").user("Go").say()
    three = conversation("three", cwd="/home/dev/blog", start="2026-03-04T09:00:00Z")
    _, rows, _ = economics(tmp_path, one, two, three.user("Go").say())
    keys = [(str(row["day"]), row["project"], row["model"]) for row in rows]
    assert keys == sorted(keys) and len(set(keys)) == 3


def test_a_model_without_a_price_has_tokens_and_no_dollars(tmp_path: Path) -> None:
    c = conversation("free", model="some-local-model").user("Go").say().say()
    _, (row,), _ = economics(tmp_path, c)
    assert row["unpriced_responses"] == row["responses"] == 2
    assert row["usd"] is None and row["usd_uncached"] is None and row["cache_share_of_usd"] is None
    assert row["read_share_of_prompt"] > 0


def test_nothing_at_all_is_no_rows(tmp_path: Path) -> None:
    _, rows, rebuilds = economics(tmp_path)
    assert (rows, rebuilds) == ([], [])
