"""What commands and tool calls do to the world."""

from __future__ import annotations

import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from waste_assets.detectors.effect import END, FileRange, Reach, normalised
from waste_assets.detectors.effects import World, world
from waste_assets.detectors.shell import read
from waste_assets.detectors.shell_effects import effect
from waste_assets.sample import conversation
from waste_assets.sample.blocks import bash, edit
from waste_assets.sample.blocks import read as read_file
from waste_assets_tests.detectors.support import loaded

CWD = "/home/dev/shop"
Lines = tuple[str, int, int]


def lines_of(command: str, *, powershell: bool = False) -> list[Lines]:
    """The lines that a command shows, by paths relative to the working directory."""
    told = effect(command, CWD, powershell=powershell)
    return [(r.path.removeprefix(CWD + "/"), r.first, r.last) for r in told.reads]


# --- reading -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("command", "lines"),
    [
        ("cat a.py", [("a.py", 1, END)]),
        ("cat a.py b.py", [("a.py", 1, END), ("b.py", 1, END)]),
        ("cat -n 'with space.py'", [("with space.py", 1, END)]),
        ("head -n 20 a.py", [("a.py", 1, 20)]),
        ("head -20 a.py", [("a.py", 1, 20)]),
        ("head a.py", [("a.py", 1, 10)]),
        ("tail -n +5 a.py", [("a.py", 5, END)]),
        ("tail -30 a.py", [("a.py", -30, -1)]),
        ("sed -n '10,40p' a.py", [("a.py", 10, 40)]),
        ('sed -n "10,40p;60p" a.py', [("a.py", 10, 40), ("a.py", 60, 60)]),
        ("sed -n '7,$p' a.py", [("a.py", 7, END)]),
        ("sed 20q a.py", [("a.py", 1, 20)]),
        ("awk 'NR>=5 && NR<=9' a.py", [("a.py", 5, 9)]),
        ("nl -ba a.py | sed -n '1,30p'", [("a.py", 1, 30)]),
        ("cat a.py | head -50", [("a.py", 1, 50)]),
        ("head -200 a.py | tail -50", [("a.py", 151, 200)]),
        ("tail -n +100 a.py | head -20", [("a.py", 100, 119)]),
        ("cd src && cat a.py", [("src/a.py", 1, END)]),
        ("(cd src && cat a.py); cat b.py", [("src/a.py", 1, END), ("b.py", 1, END)]),
        ("cat ./src/../a.py 2>/dev/null || true", [("a.py", 1, END)]),
        ("F=src/a.py; cat $F", [("src/a.py", 1, END)]),
        ('X="$(cat a.py)"', [("a.py", 1, END)]),
        ("less a.py; git status", [("a.py", 1, END)]),
        # What a filter lets through, or hides, is no stretch of the file.
        ("cat a.py | grep total", []),
        ("cat a.py | wc -l", []),
        ("cat a.py > b.py", []),
        ("cat a.py > /dev/null", []),
        ("cat -A a.py", []),
        ("head -c 100 a.py", []),
        ("sed -n '/start/,/end/p' a.py", []),
        ("cat src/*.py", []),
        ('for f in a b; do cat "$f"; done', []),
        ("echo 'cat a.py'", []),
        ("# cat a.py", []),
    ],
)
def test_the_lines_that_a_command_shows(command: str, lines: list[Lines]) -> None:
    assert lines_of(command) == lines


@pytest.mark.parametrize(
    ("command", "lines"),
    [
        ("Get-Content a.py", [("a.py", 1, END)]),
        (r"Get-Content -Path src\a.py -TotalCount 20", [("src/a.py", 1, 20)]),
        ("gc a.py | Select-String total", []),
    ],
)
def test_the_lines_that_powershell_shows(command: str, lines: list[Lines]) -> None:
    assert lines_of(command, powershell=True) == lines


# --- changing ------------------------------------------------------------------------------

LOOKS = [
    "git status",
    "git -C /home/dev/shop --no-pager diff --stat HEAD~1",
    "git branch -a",
    "git stash list",
    "ls -la src && pwd",
    "find . -name '*.py' -not -path './venv/*'",
    "grep -rn 'a > b' src | sort | uniq -c",
    "test -f a.py && echo yes",
    '[[ "$A" > "b" ]] && echo more',
    "python -c 'print(1 + 1)'",
    "black --version",
    "bash -lc 'git log -3'",
    "rg -l total 2>/dev/null | xargs wc -l",
    "echo \"$(git rev-parse HEAD)\"",
    "cat <<'EOF'\nrm -rf /\nEOF",
    "npx prettier --version",
]  # fmt: skip


@pytest.mark.parametrize("command", LOOKS)
def test_what_only_looks(command: str) -> None:
    told = effect(command, CWD)
    assert told.is_pure_look, told


@pytest.mark.parametrize(
    "command",
    ["ps aux", "gh pr checks 12", "curl -s https://example.com", "sleep 5 && git status", "date"],
)
def test_what_looks_at_something_that_changes_by_itself(command: str) -> None:
    told = effect(command, CWD)
    assert told.looks and told.volatile and not told.changes


@pytest.mark.parametrize(
    ("command", "written"),
    [
        ("echo x > a.py", ["a.py"]),
        ("echo x >> 'b c.py'", ["b c.py"]),
        ("cat <<EOF > a.py\nx > y\nEOF\ncat a.py", ["a.py"]),
        ("make &> build.log", ["build.log"]),
        ("sed -i 's/a/b/' a.py b.py", ["a.py", "b.py"]),
        ("sed -i '' 's/a/b/' a.py", ["a.py"]),
        ("perl -pi -e 's/a/b/' a.py", ["a.py"]),
        ("ls | tee list.txt", ["list.txt"]),
        ("mv a.py b.py", ["a.py", "b.py"]),
        ("cp a.py b.py", ["b.py"]),
        ("rm -rf build", ["build"]),
        ("cd src && rm a.py", ["src/a.py"]),
        ("git checkout -- a.py", ["a.py"]),
        ("git restore a.py", ["a.py"]),
        ("black a.py", ["a.py"]),
        ("npx prettier --write src/a.ts", ["src/a.ts"]),
        ("gofmt -w a.go", ["a.go"]),
        ("git worktree add ../other main", ["/home/dev/other"]),
        ("git clone https://example.com/x/tool.git", ["tool"]),
        ("python -c \"open('a.py', 'w').write('x')\"", ["a.py"]),
        ("go mod tidy", ["go.mod", "go.sum", "go.work", "go.work.sum", "vendor"]),
        ("curl -o page.html https://example.com", ["page.html"]),
    ],
)
def test_the_files_that_a_command_writes(command: str, written: list[str]) -> None:
    assert [path.removeprefix(CWD + "/") for path in effect(command, CWD).writes] == written


@pytest.mark.parametrize(
    ("command", "reach"),
    [
        ("git status", Reach.NOTHING),
        ("git add -A && git commit -m 'x'", Reach.STATE),
        ("git checkout -b new", Reach.STATE),
        ("git reset HEAD a.py", Reach.STATE),
        ("kill 12", Reach.STATE),
        ("docker compose up -d", Reach.STATE),
        ("pytest -q tests", Reach.BUILD),
        ("python -m pytest -q", Reach.BUILD),
        ("uv run pytest", Reach.BUILD),
        ("npm run build", Reach.BUILD),
        ("make test", Reach.BUILD),
        ("cargo build --release", Reach.BUILD),
        ("ruff check .", Reach.BUILD),
        ("black --check .", Reach.BUILD),
        ("npx tsc --noEmit", Reach.BUILD),
        ("./run.sh", Reach.UNKNOWN),
        ("python scripts/make_it.py", Reach.UNKNOWN),
        ("npm install left-pad", Reach.UNKNOWN),
        ("rm -rf $TARGET", Reach.UNKNOWN),
        ("echo 'never closed", Reach.UNKNOWN),
        ("eval $COMMAND", Reach.UNKNOWN),
        ("black .", Reach.FORMAT),
        ("ruff check --fix .", Reach.FORMAT),
        ("npm run lint:fix", Reach.FORMAT),
        ("make fmt", Reach.FORMAT),
        ("cargo fmt", Reach.FORMAT),
        ("eslint --fix src", Reach.FORMAT),
        ("git checkout main", Reach.ANYTHING),
        ("git stash", Reach.ANYTHING),
        ("git pull --rebase", Reach.ANYTHING),
        ("git reset --hard", Reach.ANYTHING),
        ("git checkout .", Reach.ANYTHING),
        ("patch -p1 < a.diff", Reach.ANYTHING),
        ("make generate", Reach.ANYTHING),
        ("python - <<'EOF'\nopen('a.py', 'w').write('x')\nEOF", Reach.UNKNOWN),
        ("python - <<'EOF'\nfor p in glob('*'): p.write_text('x')\nEOF", Reach.ANYTHING),
        ("find . -name '*.bak' -delete", Reach.ANYTHING),
        ("grep -rl old . | xargs sed -i 's/old/new/'", Reach.ANYTHING),
        ("ls; git pull; ls", Reach.ANYTHING),
    ],
)
def test_how_far_a_command_reaches(command: str, reach: Reach) -> None:
    assert effect(command, CWD).reach is reach


def test_a_command_that_goes_on_unseen_may_change_anything() -> None:
    assert effect("git commit -m \"$(cat <<'EOF'\nA long", CWD, cut=True).reach is Reach.UNKNOWN
    assert effect("ls", CWD, cut=True).reach is Reach.UNKNOWN


@given(st.text(alphabet="ab \n\t'\"\\$(){}[]<>|&;`#=-!*", max_size=60), st.booleans())
def test_every_text_can_be_read(text: str, powershell: bool) -> None:
    told = read(text, powershell=powershell)
    assert isinstance(told.complete, bool)
    assert isinstance(effect(text, CWD, powershell=powershell).reach, Reach)


PIECES = shlex.split(
    """git checkout -b -- sed -i "''" awk "'NR>=1'" head -n tail +3 cat a.py xargs find -exec ';'
    '&&' '|' '||' '(' ')' '$(' '`' '"' "'" '<' '>' '2>&1' '$X' '${A}' X=1 '[' '[[' ']]' if then fi
    for do done '{' '}' case npm run go mod python -c -m curl -X -o tar yq gh api perl -pe bash -lc
    env timeout cd '~' - '*' dd of= unzip -d sort wget -O tee sudo npx uv pip Get-Content -Tail
    '$((' '))' '#' '\\' '<<EOF' EOF"""
)


@given(st.lists(st.sampled_from([*PIECES, "\n"]), max_size=9).map(" ".join), st.booleans())
def test_every_mixture_of_words_has_an_effect(text: str, powershell: bool) -> None:
    assert isinstance(effect(text, CWD, powershell=powershell).reach, Reach)


# --- paths ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "cwd", "name"),
    [
        ("a.py", CWD, "/home/dev/shop/a.py"),
        ("./x/../a.py", CWD, "/home/dev/shop/a.py"),
        ("~/a.py", CWD, "/home/dev/a.py"),
        ("/srv/A.py", CWD, "/srv/A.py"),
        (r"C:\Work\a.py", r"C:\Work", "c:/Work/a.py"),
        ("/c/Work/a.py", r"C:\Work", "c:/Work/a.py"),
        ("/mnt/c/Work/a.py", "/home/dev", "c:/Work/a.py"),
        (r"src\a.py", r"C:\Work", "c:/Work/src/a.py"),
        ("a.py", None, "a.py"),
    ],
)
def test_one_file_has_one_name(path: str, cwd: str | None, name: str) -> None:
    assert normalised(path, cwd) == name


# --- sessions ------------------------------------------------------------------------------


def test_what_a_subagent_writes_is_written_for_all() -> None:
    c = conversation("delegated").user("Go").read("a.py")
    with c.subagent("general-purpose") as agent:
        agent.edit("a.py")
    (session,) = loaded(c.read("a.py").say())
    first, launch, last = session.conversations[0].calls
    told = world(session)
    assert told.changed(first, last)
    assert not told.effect(launch).changes
    assert not told.changed(launch, session.conversations[1].calls[0])


def test_a_subagent_that_is_not_on_record_may_have_changed_anything() -> None:
    c = conversation("unrecorded").user("Go").read("a.py")
    c.tool("Agent", {"subagent_type": "general-purpose", "prompt": "Do it"}, "Done.")
    c.tool("Agent", {"subagent_type": "Explore", "prompt": "Find it"}, "Found.").read("a.py").say()
    (session,) = loaded(c)
    unknown, explorer = (
        world(session).effect(call) for call in session.conversations[0].calls[1:3]
    )
    assert unknown.reach is Reach.UNKNOWN
    assert not explorer.changes


def test_reads_tell_the_lines_that_were_shown() -> None:
    c = conversation("ranges").user("Go").read("a.py", 2_000).read("a.py", offset=11, limit=20)
    c.read("gone.py", is_error=True).read("a.py", unchanged=True).say()
    (session,) = loaded(c)
    told = [World(session).effect(call).reads for call in session.conversations[0].calls]
    whole = session.conversations[0].calls[0].file_lines
    assert whole is not None
    assert told[0] == (FileRange(f"{CWD}/a.py", 1, whole),)
    assert told[1] == (FileRange(f"{CWD}/a.py", 11, 30),)
    assert told[2] == ()


def test_a_refused_or_failed_edit_changes_nothing() -> None:
    c = conversation("refused").user("Go").read("a.py").edit("a.py", is_error=True)
    c.bash("rm a.py", "No.", denial="user-rejected").read("a.py").say()
    (session,) = loaded(c)
    calls = session.conversations[0].calls
    assert not world(session).changed(calls[0], calls[-1])


def test_output_that_was_cut_does_not_tell_which_lines_were_shown() -> None:
    c = conversation("cut").user("Go")
    c.respond(bash("cat a.py", "x" * 29_500), bash("cat b.py", "short"), read_file("c.py"))
    c.respond(edit("c.py")).say()
    (session,) = loaded(c)
    first, second, *_ = (world(session).effect(call) for call in session.conversations[0].calls)
    assert (first.reads, len(second.reads)) == ((), 1)
