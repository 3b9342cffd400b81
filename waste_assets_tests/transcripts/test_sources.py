"""Many sources at once, each with its owner and its host: a session is counted once, and is whose
source was first."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from waste_assets.lake.tables import RAW_SESSIONS
from waste_assets.sample import Conversation, conversation
from waste_assets.sample.conversation import session_id
from waste_assets.settings import Settings
from waste_assets.transcripts import day_contents
from waste_assets.transcripts.discover import check_roots, discover
from waste_assets.transcripts.sources import Source, SourceError, given_roots, roots_of
from waste_assets_tests.support import Audit


def talk(session: str, more: int = 0) -> Conversation:
    c = conversation(session, start="2026-03-02T10:00:00Z").user("Mend it").say()
    for n in range(more):
        c.user(f"And {n}").say()
    return c


def team(folder: Path) -> Audit:
    """An audit of all owners and hosts below `folder/source`."""
    audit = Audit(folder)
    given = f"{audit.source}/{{owner}}/{{host}}"
    audit.files = lambda: discover([given])[0]  # type: ignore[method-assign]
    return audit


def owners(audit: Audit) -> dict[str, day_contents.Owner]:
    return day_contents.owners(audit.lake)


def test_a_session_copied_to_another_host_is_counted_once_and_is_whose_copy_is_longest(
    tmp_path: Path,
) -> None:
    audit = team(tmp_path)
    short, long = talk("shared"), talk("shared", more=2)
    short.write(audit.source / "ann" / "mac")
    long.write(audit.source / "bob" / "server")
    talk("own").write(audit.source / "ann" / "mac")
    audit.run()
    assert owners(audit) == {
        session_id("shared"): ("bob", "server"),
        session_id("own"): ("ann", "mac"),
    }
    alone = Audit(tmp_path / "alone")
    alone.write(talk("shared", more=2), talk("own"))
    alone.run()
    assert audit.tokens() == alone.tokens()
    assert sorted(audit.lines()) == sorted(alone.lines())


def test_who_was_archived_first_stays_the_owner(tmp_path: Path) -> None:
    audit = team(tmp_path)
    talk("shared").write(audit.source / "zoe" / "mac")
    audit.run()
    talk("shared", more=3).write(audit.source / "ann" / "server")
    audit.run()
    assert owners(audit) == {session_id("shared"): ("zoe", "mac")}
    audit.publish()
    assert audit.query("FROM session_owners") == [(session_id("shared"), "zoe", "mac")]


def test_an_owner_that_becomes_known_is_published_though_no_line_has_changed(
    tmp_path: Path,
) -> None:
    audit = Audit(tmp_path)
    audit.write(talk("own"))
    audit.run()
    day, session = date(2026, 3, 2), session_id("own")
    told, rows = day_contents.contents(audit.lake, day), audit.table(RAW_SESSIONS)
    for owners, published in (({}, []), ({session: ("ann", "")}, [(session, "ann", None)])):
        told.owners = owners
        audit.lake.write(RAW_SESSIONS, day, rows, day_contents.notes_of(told))
        assert audit.plan().publish
        audit.publish()
        assert audit.query("FROM session_owners") == published
        assert not audit.plan().publish


def test_a_directory_is_of_this_host_and_user_where_nothing_is_said(tmp_path: Path) -> None:
    audit = Audit(tmp_path)
    audit.write(talk("own"))
    audit.run()
    ((owner, host),) = owners(audit).values()
    assert owner == Source(str(tmp_path)).named().owner != ""
    assert host != ""


def test_sources_are_read_from_a_file_and_survive_the_environment(tmp_path: Path) -> None:
    listed = tmp_path / "sources.toml"
    listed.write_text(
        '[[source]]\nroot = "s3://bucket/transcripts/{owner}/{host}"\n'
        f'[[source]]\nroot = "{tmp_path}"\nowner = "Platform & Co"\nhost = "ci:1"\n'
    )
    settings = Settings.from_environment({"WASTE_ASSETS_SOURCES": f"/one:{listed}:s3://b/p"})
    again = Settings.from_environment(settings.to_environment())
    assert again.sources == settings.sources
    assert [Source.of(one) for one in settings.sources] == [
        Source("/one"),
        Source("s3://bucket/transcripts/{owner}/{host}"),
        Source(str(tmp_path), "Platform & Co", "ci:1"),
        Source("s3://b/p"),
    ]


def test_what_is_wrong_with_sources_is_said(tmp_path: Path) -> None:
    listed = tmp_path / "sources.toml"
    for text in ("[source]", "[[source]]\nhost = 'x'", "[[source]]\nroot = 'x'\nteam = 'y'", "="):
        listed.write_text(text)
        with pytest.raises(SourceError, match=r"sources\.toml is not a list of sources"):
            roots_of([str(listed)])
    with pytest.raises(SourceError, match="ftp://host cannot be read"):
        given_roots("ftp://host")
    with pytest.raises(SourceError, match="stands for a whole name"):
        check_roots([f"{tmp_path}/x-{{owner}}"])
    with pytest.raises(SourceError, match="cannot be listed"):
        check_roots([f"{tmp_path}/none/{{owner}}"])
