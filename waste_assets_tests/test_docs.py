"""The docs say what the code does: the dictionary is fresh, every command and option is there."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner

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
TEAM_LOCK = ROOT / "requirements-team.lock"
#: Of environments beside the project's own.
OTHER_LOCKS = sorted(ROOT.glob("dashboards/*/requirements.lock"))
MACHINE_PATH = re.compile(r"(?<![\w.~*])/(?:home|Users|root|tmp|var|opt|work|mnt|srv|private)\b")
#: Blocks without a language, or of a shell: what is typed, and what it prints.
COMMANDS = re.compile(r"^```(?:sh|bash|console)?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
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
def test_every_command_in_the_docs_is_one(page: Path, environment: None) -> None:
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
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the commands of the docs are run."""
    return tmp_path_factory.mktemp("docs")


@pytest.fixture(scope="module")
def printed(folder: Path) -> Callable[[str], str]:
    """What a command of the docs prints, run once, in a directory of their own."""

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


def demo_commands() -> list[str]:
    """What makes the sample that the docs show, and the account of it."""
    blocks = BLOCK.findall((ROOT / "README.md").read_text("utf-8"))
    (block,) = (block for block in blocks if "sample data/demo" in block)
    return block.splitlines()


@pytest.mark.parametrize("page", ["README.md", "docs/commands.md", "docs/waste.md"])
def test_what_the_docs_show_is_what_their_commands_print(
    page: str, printed: Callable[[str], str]
) -> None:
    for line in demo_commands():
        printed(line)
    compared, output = 0, None
    for block in BLOCK.findall((ROOT / page).read_text("utf-8")):
        lines = block.splitlines()
        if all(re.match(r"\.venv/bin/waste-assets .*data/demo", line) for line in lines):
            output = [printed(line) for line in lines][-1]
        elif output is not None:
            shown = [line.rstrip() for line in lines]
            assert shown == [line.rstrip() for line in output.splitlines()]
            compared, output = compared + 1, None
    assert compared == 1


@pytest.fixture
def placeholders(folder: Path, printed: Callable[[str], str]) -> dict[str, str]:
    """What stands for the words in capitals: something of the demo that fits."""
    for line in demo_commands():
        printed(line)

    def told(*arguments: str) -> Any:
        given = [*arguments, "--json", "--data-root", str(folder / "data" / "demo-account")]
        return json.loads(CliRunner().invoke(commands, given, catch_exceptions=False).stdout)

    report = told("report")
    transcript, _, line = report["remedies"][0]["example"].rpartition(":")
    session = report["sessions"][0]["session_id"]
    feedback = [one["cluster_id"] for one in told("clusters", "list") if one["fault"] == "feedback"]
    (file,) = (folder / "data" / "demo").rglob(f"{session}.jsonl")
    call = next(
        block["id"]
        for entry in map(json.loads, file.read_text("utf-8").splitlines())
        if entry["type"] == "assistant"
        for block in entry["message"]["content"]
        if block["type"] == "tool_use"
    )
    gold = {"tool_use_id": call, "file": "a.jsonl", "line": 1, "category": "none",
            "cause": "n/a", "fault": "n/a", "confidence": 3, "stratum": "all",
            "stratum_size": 1}  # fmt: skip
    (folder / "gold.jsonl").write_text(json.dumps(gold) + "\n")
    return {
        "PATH": "data/demo", "DIR": "data/demo", "GOLD": "gold.jsonl",
        "TRANSCRIPT:LINE": f"{transcript}:{line}", "SESSION.jsonl:LINE": f"{transcript}:{line}",
        "SESSION:12": f"{session}:12", "SESSION": session, "ID": session,
        "NAME.jsonl": transcript, "TRANSCRIPT": str(file),
        "CLUSTER": feedback[0], "INTO": feedback[1],
        # What was merged before is split off again.
        "SPLIT": feedback[1], "PART": feedback[0],
    }  # fmt: skip


#: What a data root and a source are called in the docs; here all of them are those of the demo.
ROOTS = ("data/try", "data/team", "data/ana", "data/spaced", "DIR", "data")
SOURCES = ("transcripts/ana-laptop", "transcripts/ben-desktop", "transcripts/ana-laptop/projects")
#: Not run here again, only parsed: test_ui.py starts the UI, test_forgetting.py forgets,
#: test_bucket.py has a bucket to ship to, and the fixture above runs the others.
HEAVY = ("ui", "audit", "sample", "forget", "ship")
#: Without a key nothing is asked: test_commands.py of the labels has a server that answers.
WITHOUT_A_KEY = {("labels", "submit"): 2, ("labels", "collect"): 2}
#: Programs of others, as their own docs have them.
OTHERS = ("export ", "sed -i.bak ", "systemctl --user ", "launchctl load ", "ssh ", "rsync -a ")


def typed() -> list[tuple[str, str]]:
    """Every line of the docs that is to be typed, with its page."""
    found = []
    for page in PAGES:
        for block in COMMANDS.findall(page.read_text("utf-8")):
            lines = [line for line in block.splitlines() if line.strip()]
            # An output is shown in a block of its own; tables of `make` begin each line with it.
            if lines and re.match(r"(?:[A-Z_]+=\S+ )?(\.venv/bin/|waste-assets |make )", lines[0]):
                found += [(str(page.relative_to(ROOT)), line) for line in lines]
    return found


def test_every_line_to_type_is_of_a_program_that_is_known() -> None:
    for page, line in typed():
        known = r"(?:[A-Z_]+=\S+ )?(?:\.venv/bin/)?(waste-assets|python) |make [a-z]+\b"
        assert re.match(known, line) or line.startswith(OTHERS), (page, line)
        if script := re.match(r"\.venv/bin/python (\S+\.py)", line):
            assert (ROOT / script[1]).exists(), (page, line)


def test_every_command_in_the_docs_runs(
    folder: Path, placeholders: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each line, one after another as it stands, over the demo and in a home of its own."""
    home, root, source = folder / "home", folder / "typed", folder / "data" / "demo"
    home.mkdir()
    shutil.copytree(folder / "data" / "demo-account", root)
    for name in os.environ:
        if name.startswith(("WASTE_ASSETS", "CLAUDE", "DAGSTER", "ANTHROPIC")):
            monkeypatch.delenv(name)
    given = {"HOME": home, "WASTE_ASSETS_DATA": root, "WASTE_ASSETS_SOURCES": source}
    for name, value in given.items():
        monkeypatch.setenv(name, str(value))
    monkeypatch.chdir(folder)
    ran = 0
    for page, line in typed():
        line = re.sub(r"^(?:[A-Z_]+=\S+ )?(?:\.venv/bin/)?", "", line)
        if not line.startswith("waste-assets "):
            continue
        # Without what stands beside it, and without where its output goes.
        words = shlex.split(re.split(r" {2,}| > ", line)[0])[1:]
        if words[0] in HEAVY:
            continue
        for n, word in enumerate(words):
            before = words[n - 1] if n else ""
            if before == "--data-root":
                words[n] = (
                    str(root) if word in ROOTS else word.replace("data/demo-account", str(root))
                )
            elif word in SOURCES or word == "data/demo" or placeholders.get(word) == "data/demo":
                words[n] = str(source)
            elif before == "--write":
                words[n] = str(home / "written")
            else:
                is_split = before == "split" and word == "CLUSTER"
                words[n] = placeholders.get("SPLIT" if is_split else word, word)
        words = [word for word in dict.fromkeys(words) if word != "..."]
        done = CliRunner().invoke(commands, words, input="y\n")
        expected = WITHOUT_A_KEY.get((words[0], words[1] if words[1:] else ""), 0)
        assert done.exit_code == expected, (page, line, done.output, done.exception)
        ran += 1
    assert ran > 30


def test_every_page_is_in_the_list_of_pages() -> None:
    text = (ROOT / "docs" / "README.md").read_text("utf-8")
    listed = {(ROOT / "docs" / link).resolve() for link in LINK.findall(text)}
    pages = {page for page in PAGES if page.parent.name in ("docs", "decisions")}
    assert pages - listed == {ROOT / "docs" / "README.md"}


def test_the_readme_has_its_picture_and_it_is_small() -> None:
    (picture,) = re.findall(
        r"!\[[^\]]{20,}\]\((docs/img/[^)]+\.png)\)", (ROOT / "README.md").read_text()
    )
    assert (ROOT / picture).stat().st_size < 200_000


def test_the_page_of_questions_has_their_sql_and_the_answers_of_the_sample(
    printed: Callable[[str], str],
) -> None:
    for line in BLOCK.findall((ROOT / "docs/questions.md").read_text("utf-8"))[0].splitlines():
        printed(line)
    printed(f"python {ROOT}/docs/generate_questions.py data/demo-account --check")


def test_the_queries_in_the_docs_run(printed: Callable[[str], str]) -> None:
    for line in demo_commands():
        printed(line)
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


@pytest.mark.parametrize(
    "lock", [*LOCKS, TEAM_LOCK, *OTHER_LOCKS], ids=lambda one: str(one.relative_to(ROOT))
)
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
    team = _locked(TEAM_LOCK)
    for extra in ("team", "kubernetes"):
        assert {_name(r) for r in project["optional-dependencies"][extra]} <= team.keys()
    assert {name: team.get(name) for name in run} == run, "run `make lock`"


def test_superset_reads_with_the_duckdb_that_wrote() -> None:
    for lock in OTHER_LOCKS:
        assert _locked(lock)["duckdb"] == _locked(LOCKS[0])["duckdb"], "run `make supersetlock`"


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
