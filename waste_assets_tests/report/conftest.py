"""Reports that several tests read: of a generated sample, and of hostile text."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pytest

from waste_assets.report.site import Written
from waste_assets.sample import conversation, generate
from waste_assets.sample.blocks import bash
from waste_assets_tests.support import Audit


@dataclass(frozen=True)
class Reported:
    """A report, and the audit that it is of."""

    audit: Audit
    written: Written

    @property
    def folder(self) -> Path:
        return self.written.index.parent

    @property
    def pages(self) -> list[Path]:
        """All pages, the first one first."""
        return [self.written.index, *sorted(self.folder.joinpath("sessions").glob("*.html"))]


def reported(audit: Audit) -> Reported:
    """Account for everything and write the report."""
    audit.run()
    audit.publish()
    return Reported(audit, audit.report())


@pytest.fixture(scope="session")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Reported:
    audit = Audit(tmp_path_factory.mktemp("reported"))
    generate(audit.source, sessions=25, days=12, end=date(2026, 9, 14), seed=5, plants=0.5)
    return reported(audit)


#: What transcripts may hold that a page must not obey, nor show as it is.
MARKUP = "</code></td><script>window.hit=1</script><img src=x onerror=window.hit=1>&lt;'\""
ESCAPES = "\x1b[31mred\x1b]0;title\x07\x9b2J\x00"
TURNED = "\u202egpj.exe\u2066\u200b\ufeff"
ENDLESS = "W" * 350
SECRET = "ghp_" + "Ab3dE6gH" * 4 + "Ab3d"


@pytest.fixture(scope="session")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Reported:
    """Sessions whose project, model, commands, paths and errors are an attack."""
    audit = Audit(tmp_path_factory.mktemp("hostile"))
    sessions = []
    for n, text in enumerate((MARKUP, ESCAPES, TURNED, ENDLESS, f"export TOKEN={SECRET}")):
        c = conversation(f"hostile {n}", cwd=f"/home/dev/{text}", project=f"p{n}")
        c.user(text)
        for command in (text, f"cat '{text}'"):
            c.respond(bash(command, f"Exit code 127\n{text}: command not found", is_error=True))
        c.read(f"{text}.py", result=f"<tool_use_error>File does not exist. {text}", is_error=True)
        c.read(f"{text}.py", result=f"<tool_use_error>File does not exist. {text}", is_error=True)
        sessions.append(c.say(model=f"claude-{text}", message_id=f"msg_{n}"))
    audit.write(*sessions)
    return reported(audit)
