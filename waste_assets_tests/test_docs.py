"""The docs say what the code does: the dictionary is fresh, every command and option is there."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Callable
from functools import cache
from pathlib import Path

import click
import pytest

from waste_assets.cli import commands

ROOT = Path(__file__).parent.parent
PAGES = sorted(
    [
        *ROOT.glob("*.md"),
        *ROOT.glob("docs/**/*.md"),
        *ROOT.glob("benchmarks/*.md"),
    ]
)
LOCKS = [ROOT / "requirements.lock", ROOT / "requirements-dev.lock"]
MACHINE_PATH = re.compile(r"(?<![\w.~*])/(?:home|Users|root|tmp|var|opt|work|mnt|srv|private)\b")
BLOCK = re.compile(r"^```\w*\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)#:]+)(?:#[^)]*)?\)")


def test_the_data_dictionary_is_what_the_tables_say() -> None:
    program = [sys.executable, str(ROOT / "docs" / "generate_dictionary.py"), "--check"]
    done = subprocess.run(program, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def all_commands() -> dict[str, click.Command]:
    """Every command by what is typed, those of groups too."""
    found = dict(commands.commands)
    for name, command in commands.commands.items():
        if isinstance(command, click.Group):
            found |= {f"{name} {inner}": one for inner, one in command.commands.items()}
    return found


@pytest.mark.parametrize("name", sorted(all_commands()))
def test_every_command_and_option_is_in_the_docs(name: str) -> None:
    told = "\n".join(page.read_text("utf-8") for page in PAGES)
    assert f"`waste-assets {name}" in told
    for parameter in all_commands()[name].params:
        if isinstance(parameter, click.Option):
            for option in parameter.opts:
                assert f"`{option}`" in told or not option.startswith("--"), option


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_no_page_names_a_machine_or_a_place_that_is_not_there(page: Path) -> None:
    text = page.read_text("utf-8")
    assert not MACHINE_PATH.findall(text)
    missing = [link for link in LINK.findall(text) if not (page.parent / link).exists()]
    assert not missing


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_command_in_the_docs_is_one(page: Path) -> None:
    told = page.read_text("utf-8")
    lines = [line for block in BLOCK.findall(told) for line in block.splitlines()]
    lines += re.findall(r"`(waste-assets [^`]+)`", told)
    for line in lines:
        if not re.match(r"(?:\.venv/bin/)?waste-assets [a-z]", line):
            continue
        # Without what stands beside it, and without where its output goes.
        words = shlex.split(re.split(r" {2,}| > ", line)[0].replace("[PATH ...]", "PATH"))[1:]
        # The one file that has to be there.
        words = [str(ROOT / "README.md") if word in ("GOLD", "FILE") else word for word in words]
        words = [re.sub(r"^GOLD\.jsonl$", str(ROOT / "README.md"), word) for word in words]
        command = commands.commands[words[0]]
        if words[1:]:
            command.make_context(words[0], [word for word in words[1:] if word != "..."])


@pytest.fixture(scope="module")
def printed(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], str]:
    """What a command of the docs prints, run once, in a directory of their own."""
    folder = tmp_path_factory.mktemp("docs")

    @cache
    def run(line: str) -> str:
        program, *arguments = shlex.split(line)
        known = {name: value for name, value in os.environ.items()
                 if not name.startswith(("WASTE_ASSETS", "CLAUDE", "DAGSTER"))}  # fmt: skip
        done = subprocess.run(
            [Path(sys.executable).parent / Path(program).name, *arguments],
            capture_output=True, text=True, cwd=folder, env={**known, "HOME": str(folder)},
        )  # fmt: skip
        assert done.returncode == 0, (line, done.stderr)
        return done.stdout

    return run


@pytest.mark.parametrize("page", ["README.md", "docs/waste.md"])
def test_what_the_docs_show_is_what_their_commands_print(
    page: str, printed: Callable[[str], str]
) -> None:
    compared, output = 0, None
    for block in BLOCK.findall((ROOT / page).read_text("utf-8")):
        lines = block.splitlines()
        if all(re.match(r"\.venv/bin/waste-assets .*data/demo", line) for line in lines):
            output = [printed(line) for line in lines][-1]
        elif output is not None:
            shown = [line.rstrip() for line in lines]
            assert shown == [line.rstrip() for line in output.splitlines()]
            compared, output = compared + 1, None
    assert compared == {"README.md": 2, "docs/waste.md": 1}[page]


def test_the_page_of_questions_has_their_sql_and_the_answers_of_the_sample(
    printed: Callable[[str], str],
) -> None:
    for line in BLOCK.findall((ROOT / "docs/questions.md").read_text("utf-8"))[0].splitlines():
        printed(line)
    printed(f"python {ROOT}/docs/generate_questions.py data/demo-account --check")


def test_the_queries_in_the_docs_run(printed: Callable[[str], str]) -> None:
    for line in BLOCK.findall((ROOT / "README.md").read_text("utf-8")):
        if "sample data/demo" in line:
            [printed(command) for command in line.splitlines()]
    queries = [
        line.replace("data/bi", "data/demo-account/bi").replace(
            "data/lake", "data/demo-account/lake"
        )
        for page in PAGES
        for block in BLOCK.findall(page.read_text("utf-8"))
        for line in block.splitlines()
        if line.startswith(".venv/bin/python -c ")
    ]
    assert queries
    for query in queries:
        assert "│" in printed(query)


def test_every_target_of_make_in_the_docs_exists() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    for page in PAGES:
        named = re.findall(r"(?:^|`)make ([a-z]+)\b", page.read_text("utf-8"), re.MULTILINE)
        assert set(named) <= targets, page


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_a_lock_file_has_hashes_and_no_address(lock: Path) -> None:
    text = lock.read_text("utf-8")
    assert "://" not in text
    assert not re.search(r"^\s*--(?!hash=sha256:)", text, re.MULTILINE)
    for requirement in re.split(r"\n(?=\S)", text.strip()):
        assert re.match(r"[A-Za-z0-9._-]+(\[[\w,-]+\])?==", requirement), requirement[:80]
        assert "--hash=sha256:" in requirement, requirement[:80]


def test_the_lock_files_hold_what_the_project_asks_for() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    run, dev = (_locked(lock) for lock in LOCKS)
    asked = {_name(requirement) for requirement in project["dependencies"]}
    asked_dev = {_name(r) for r in project["optional-dependencies"]["dev"]}
    assert asked <= run.keys(), "run `make lock`"
    assert asked | asked_dev <= dev.keys(), "run `make lock`"
    assert {name: dev.get(name) for name in run} == run, "run `make lock`"


def _name(requirement: str) -> str:
    match = re.match(r"[A-Za-z0-9._-]+", requirement)
    assert match
    return match[0].lower().replace("_", "-")


def _locked(lock: Path) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for name, version in re.findall(
        r"^([A-Za-z0-9._-]+)(?:\[[\w,-]+\])?==(\S+)", lock.read_text("utf-8"), re.MULTILINE
    ):
        found.setdefault(_name(name), set()).add(version)
    return found
