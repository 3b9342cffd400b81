"""What command lines do, by the programs that they run.

The tables of programs.py say what a program does when it is run in the ordinary way, a method
here where its words decide. A program that neither knows may change anything.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from itertools import pairwise

from waste_assets.detectors import programs
from waste_assets.detectors.effect import END, Effect, FileRange, Reach, normalised
from waste_assets.detectors.shell import CLOSE, OPEN, UNKNOWN, Command, read

Words = list[str]

_SCRIPT_WRITES = re.compile(
    r"\.write|write_text|write_bytes|writeFile|appendFile|to_csv|savefig|\.save\(|json\.dump\(|"
    r"open\([^)]*['\"](?:[wax]|r\+)|unlink|rename|remove\(|rmtree|shutil|mkdir|makedirs|"
    r"copyFile|Set-Content|Out-File|subprocess|os\.system|execSync|spawn"
)
#: It finds by itself what it writes, or has others write.
_SCRIPT_SEARCHES = re.compile(
    r"glob|walk\(|listdir|iterdir|scandir|readdir|subprocess|os\.system|exec|spawn|argv"
)
_SCRIPT_FILE = re.compile(r"['\"]([^'\"\s*?{}]*\w\.\w{1,8})['\"]")
_SED_LINES = re.compile(r"(\d+)(?:,(\d+|\$|\+\d+))?\s*(?:p|!d)")
_AWK_LINES = re.compile(
    r"\s*\(?\s*(?:NR\s*>=\s*(\d+)\s*&&\s*NR\s*<=\s*(\d+)|NR\s*==\s*(\d+)\s*,\s*NR\s*==\s*(\d+))"
    r"\s*\)?\s*(?:\{\s*print[^}>]*\})?\s*;?\s*\Z"
)
_COUNT = re.compile(r"-(?:n|-lines=?)?\s*([+-]?\d+)\Z")
_SINKS = frozenset(["/dev/null", "/dev/stdout", "/dev/stderr", "/dev/tty", "$null", "nul", "NUL"])
_GLOB = re.compile(r"[*?\[{]")
_ASSIGNMENT = re.compile(r"([A-Za-z_]\w*)\+?=(.*)\Z", re.DOTALL)
_VARIABLE = re.compile(UNKNOWN + r"(\w*)" + UNKNOWN)
#: Their output grows by itself.
_GROWING = re.compile(r"\.(?:log|output|out)\Z|(?:\A|/)(?:proc|tasks)/", re.IGNORECASE)


def grows(path: str) -> bool:
    """Whether a file is likely to change by itself: logs, output of background tasks."""
    return _GROWING.search(path) is not None


@lru_cache(maxsize=8192)
def effect(line: str, cwd: str | None, *, powershell: bool = False, cut: bool = False) -> Effect:
    """What a command line does; `cut` if it goes on after what is given."""
    told = read(line, powershell=powershell)
    shell = _Shell(cwd)
    for command in told.commands:
        shell.run(command)
    shell.end_pipe()
    if cut or not told.complete:
        shell.reach = max(shell.reach, Reach.UNKNOWN)
    return Effect(
        tuple(dict.fromkeys(shell.reads)),
        tuple(dict.fromkeys(shell.writes)),
        shell.reach,
        shell.looks or not (shell.writes or shell.reach),
        shell.volatile,
        shell.shows_more,
    )


class _Shell:
    """Runs commands without running them."""

    def __init__(self, cwd: str | None) -> None:
        self.reads: list[FileRange] = []
        self.writes: list[str] = []
        self.reach = Reach.NOTHING
        self.looks = False
        self.volatile = False
        #: Something else than files was shown.
        self.shows_more = False
        self._cwd = cwd
        self._known: dict[str, str] = {"HOME": "~", "PWD": "."}
        self._outer: list[tuple[str | None, dict[str, str]]] = []
        #: What flows through the pipe at hand: whole stretches of files, or nothing of use.
        self._stream: list[FileRange] = []
        #: The last command of the pipe at hand shows what is no part of a file.
        self._shown = False

    def run(self, command: Command) -> None:
        """Take in the effect of one command."""
        words = command.words
        if tuple(words) == OPEN:
            self.end_pipe()
            self._outer.append((self._cwd, dict(self._known)))
            return
        if tuple(words) == CLOSE:
            self.end_pipe()
            self._cwd, self._known = self._outer.pop() if self._outer else (None, {})
            return
        if not command.piped:
            self.end_pipe()
        incoming, self._stream = self._stream, []
        words = self._unwrapped([self._filled(word) for word in words])
        self._shown = False
        if words:
            self._program(words, command, incoming)
            self._shown = _name(words[0]) not in programs.SILENT and not self._stream
        self._redirect(command)

    def end_pipe(self) -> None:
        """What flowed to the end of a pipe was shown."""
        self.reads += self._stream
        self.shows_more |= self._shown
        self._stream = []
        self._shown = False

    def _redirect(self, command: Command) -> None:
        for operator, target in command.redirections:
            if ">" not in operator:
                continue
            stream = operator[0] if operator[0].isdigit() else "1"
            target = self._filled(target)
            # A copy of another stream, as in 2>&1.
            if operator.endswith("&") and (target.isdigit() or target == "-"):
                continue
            if target.startswith("&"):
                continue
            if stream == "1" or operator.startswith("&"):
                self._stream = []
                self._shown = False
            if target not in _SINKS:
                self._write(target)

    def _filled(self, word: str) -> str:
        """A word with the variables that are known."""
        if UNKNOWN not in word:
            return word
        return _VARIABLE.sub(lambda match: self._known.get(match.group(1), UNKNOWN), word)

    def _unwrapped(self, words: Words) -> Words:
        """The words from the program on that does the work."""
        while words:
            assigned = _ASSIGNMENT.match(words[0])
            if assigned is not None:
                self._known[assigned.group(1)] = assigned.group(2)
                words = words[1:]
                continue
            name = _name(words[0])
            if name not in programs.WRAPPERS or (
                name == "command" and words[1:2] in (["-v"], ["-V"])
            ):
                return words
            words = _skip_options(words[1:], programs.WRAPPERS[name])
            if (name in ("timeout", "gtimeout") and words) or (
                name == "pipx" and words[:1] == ["run"]
            ):
                words = words[1:]
        return words

    def _program(self, words: Words, command: Command, incoming: list[FileRange]) -> None:
        name, arguments = _name(words[0]), words[1:]
        if UNKNOWN in words[0]:
            self._reaches(Reach.UNKNOWN)
        elif name in _HANDLERS:
            _HANDLERS[name](self, arguments, command, incoming)
        elif arguments in (["--version"], ["--help"], ["-h"]):
            self.looks = True
        elif self._formats(name, arguments):
            pass
        elif name in programs.WRITERS:
            self._writer(name, arguments)
        elif name in programs.LOOKS:
            self.looks = True
            if name == "sort" and "-o" in arguments[:-1]:
                self._write(arguments[arguments.index("-o") + 1])
        elif name in programs.SHELL_STATE:
            pass
        elif name in programs.VOLATILE:
            self.looks = self.volatile = True
        elif name in programs.STATE:
            self._state(arguments)
        elif name in programs.RUNNERS:
            self._runner(name, arguments, command)
        elif name in programs.BUILDS:
            self._reaches(Reach.BUILD)
        elif arguments and arguments[-1] in ("--version", "-v", "-V", "version", "--help", "-h"):
            self.looks = True
        else:
            self._reaches(Reach.UNKNOWN)

    def _reaches(self, reach: Reach) -> None:
        self.reach = max(self.reach, reach)

    def _path(self, word: str) -> str | None:
        """The file that a word names; None where nobody can know."""
        if UNKNOWN in word or word.endswith("...") or _GLOB.search(word):
            return None
        base = None if self._cwd is None or UNKNOWN in self._cwd else self._cwd
        return normalised(word, base)

    def _write(self, word: str) -> None:
        path = self._path(word)
        if path is None:
            folder = word.rpartition("/")[0]
            if _GLOB.search(word) and folder and not (UNKNOWN in folder or _GLOB.search(folder)):
                # Files of one folder, by pattern.
                self._write(folder)
                return
            self._reaches(Reach.UNKNOWN)
        else:
            self.writes.append(path)

    def _writer(self, name: str, arguments: Words) -> None:
        if name == "tee":
            self._stream = []
        targets = [word for word in arguments if not word.startswith("-") or word == "-"]
        if name in ("cp", "copy-item", "install", "rsync", "ln", "scp") and len(targets) > 1:
            # The sources stay as they are.
            targets = targets[-1:]
        elif name in ("set-content", "add-content", "out-file", "new-item", "tee-object"):
            targets = targets[:1]
        elif name in ("unzip", "split", "truncate") and not targets:
            self._reaches(Reach.ANYTHING)
        if name == "unzip":
            if "-l" in arguments or "-p" in arguments:
                self.looks = True
                return
            targets = arguments[arguments.index("-d") + 1 :][:1] if "-d" in arguments else ["."]
        if not targets and name in ("rm", "mv", "cp"):
            # The names come from a pipe.
            self._reaches(Reach.UNKNOWN)
        for target in targets:
            if target not in _SINKS:
                self._write(target)

    def _formats(self, name: str, arguments: Words) -> bool:
        """A formatter that rewrites files; those it names, or any."""
        two = f"{name} {arguments[0]}" if arguments else name
        if name == "ruff" and arguments[:1] == ["check"]:
            self._reaches(Reach.FORMAT if "--fix" in arguments else Reach.BUILD)
            return True
        if two in programs.FORMATTERS or name in programs.FORMATTERS:
            checks = programs.FORMATTERS.get(two) or programs.FORMATTERS.get(name, ())
            rest = arguments[1:] if two in programs.FORMATTERS else arguments
            if any(option in rest for option in checks):
                self._reaches(Reach.BUILD)
            else:
                self._rewrite(rest)
            return True
        if name not in programs.REWRITERS:
            return False
        options = programs.REWRITERS[name]
        if not options or any(word.split("=")[0] in options for word in arguments):
            if options:
                self._rewrite(arguments)
            else:
                self._reaches(Reach.ANYTHING)
        elif name in ("gofmt", "gofumpt", "goimports", "shfmt", "clang-format", "prettier"):
            self.looks = True
        else:
            self._reaches(Reach.BUILD)
        return True

    def _rewrite(self, arguments: Words) -> None:
        """Files are rewritten: those that are named, if they are files and no folders."""
        named = [word for word in arguments if not word.startswith("-")]
        paths = [self._path(word) for word in named]
        if not named or None in paths or any("." not in word.split("/")[-1][1:] for word in named):
            self._reaches(Reach.FORMAT)
        else:
            self.writes += [path for path in paths if path is not None]

    def _state(self, arguments: Words) -> None:
        if any(word in programs.STATE_LOOKS for word in arguments[:3]):
            self.looks = self.volatile = True
        else:
            self._reaches(Reach.STATE)

    def _runner(self, name: str, arguments: Words, command: Command) -> None:
        """A project's task, or a program run by way of a package manager."""
        words = _skip_options(arguments, programs.RUNNERS[name])
        runs = False
        while words and words[0] in programs.RUN_WORDS:
            runs = True
            words = _skip_options(words[1:], programs.RUNNERS[name])
        if not words:
            self._reaches(
                Reach.BUILD if name in ("make", "just", "task", "yarn") else Reach.UNKNOWN
            )
            return
        task = words[0]
        if runs and name in ("uv", "poetry", "pdm", "hatch", "rye", "pipenv", "bundle", "bun"):
            known = _name(task)
            if (
                known in _HANDLERS
                or known in programs.BUILDS
                or self._is_formatter(known, words[1:])
            ):
                self._program(words, command, [])
                return
        if (task in programs.LOOKING_TASK and not runs) or (
            name == "go" and task in ("vet", "list", "doc", "env", "version")
        ):
            self.looks = True
        elif name == "go" and task in ("mod", "get", "work"):
            self._manifests(name)
        elif name == "go" and task == "run":
            self._reaches(Reach.UNKNOWN)
        elif any(map(programs.GENERATING_TASK.search, words)):
            self._reaches(Reach.ANYTHING)
        elif any(map(programs.FORMATTING_TASK.search, words)):
            self._reaches(Reach.FORMAT)
        elif programs.BUILDING_TASK.search(task) or _name(task) in programs.BUILDS:
            self._reaches(Reach.BUILD)
        elif not runs and task in programs.INSTALLS:
            self._manifests(name)
            self._reaches(Reach.UNKNOWN)
        elif runs or name in ("npm", "pnpm", "yarn", "bun"):
            program = _name(task)
            if (
                program in programs.LOOKS
                or program in _HANDLERS
                or self._is_formatter(program, words[1:])
            ):
                self._program(words, command, [])
            else:
                self._reaches(Reach.UNKNOWN)
        else:
            self._reaches(Reach.UNKNOWN)

    def _manifests(self, name: str) -> None:
        """A package manager changes what says which packages are wanted, and the packages."""
        self._reaches(Reach.STATE)
        for file in programs.MANIFESTS.get(name, programs.MANIFESTS["npm"]):
            self._write(file)

    def _is_formatter(self, name: str, arguments: Words) -> bool:
        two = f"{name} {arguments[0]}" if arguments else name
        return (
            name in programs.REWRITERS
            or name in programs.FORMATTERS
            or two in programs.FORMATTERS
            or name == "ruff"
        )

    # --- programs whose words decide -------------------------------------------------------

    def _cd(self, arguments: Words, command: Command, incoming: list[FileRange]) -> None:
        targets = [word for word in arguments if not word.startswith("-") or word == "-"]
        target = targets[0] if targets else "~"
        path = None if target == "-" else self._path(target)
        self._cwd = path if path is not None else UNKNOWN

    def _show(self, arguments: Words, command: Command, incoming: list[FileRange]) -> None:
        """cat and its like: whole files; not where their bytes are made visible."""
        self.looks = True
        if any(re.match(r"-\w*[AvetET]", word) for word in arguments):
            return
        targets = [word for word in arguments if not word.startswith("-") and word != ""]
        self._stream = self._ranges(targets) if targets else incoming

    def _head(self, arguments: Words, command: Command, incoming: list[FileRange]) -> None:
        self.looks = True
        count, targets = _count(arguments)
        stream = self._ranges(targets) if targets else incoming
        if count is None or count < 0:
            self._stream = [] if count is None else stream
        else:
            self._stream = [
                FileRange(r.path, r.first, min(r.last, r.first + count - 1))
                for r in stream
                if not r.from_end and count
            ]

    def _tail(self, arguments: Words, command: Command, incoming: list[FileRange]) -> None:
        self.looks = True
        follow = any(word in ("-f", "-F", "--follow") for word in arguments)
        self.volatile |= follow
        from_line = any(word.startswith(("+", "-n+")) for word in arguments)
        count, targets = _count(arguments)
        stream = self._ranges(targets) if targets else incoming
        self._stream = []
        if count is None or follow:
            return
        for r in stream:
            if r.from_end:
                continue
            if from_line:
                if r.first + count - 1 <= r.last:
                    self._stream.append(FileRange(r.path, r.first + max(count, 1) - 1, r.last))
            elif r.last < END:
                first = max(r.first, r.last - abs(count) + 1)
                self._stream.append(FileRange(r.path, first, r.last))
            elif count and r.first == 1:
                self._stream.append(FileRange(r.path, -abs(count), -1))

    def _sed(self, arguments: Words, command: Command, incoming: list[FileRange]) -> None:
        options = [word for word in arguments if word.startswith("-") and word != "-"]
        # BSD's -i takes a suffix as a word of its own, often an empty one.
        rest = [word for word in arguments if word and not word.startswith("-")]
        scripts = [b for a, b in pairwise(arguments) if a == "-e"]
        if not scripts:
            scripts, rest = rest[:1], rest[1:]
        else:
            rest = [word for word in rest if word not in scripts]
        in_place = any(
            word.startswith(("-i", "--in-place")) or re.match(r"-[nEr]+i", word) for word in options
        )
        if in_place:
            if not rest:
                self._reaches(Reach.UNKNOWN)
            for word in rest:
                self._write(word)
            return
        self.looks = True
        quiet = any(re.match(r"-\w*n", word) for word in options) or "--quiet" in options
        spans = [span for script in scripts for span in _sed_spans(script, quiet)]
        stream = self._ranges(rest) if rest else incoming
        self._stream = _narrowed(stream, spans)

    def _awk(self, arguments: Words, command: Command, incoming: list[FileRange]) -> None:
        if "inplace" in arguments:
            self._reaches(Reach.ANYTHING)
            return
        self.looks = True
        rest: Words = []
        words = iter(arguments)
        for word in words:
            if word in ("-F", "-v", "-f"):
                next(words, None)
            elif not word.startswith("-"):
                rest.append(word)
        told = _AWK_LINES.match(rest[0]) if rest else None
        if told is None:
            return
        low, high = (int(group) for group in told.groups() if group)
        self._stream = _narrowed(self._ranges(rest[1:]) if rest[1:] else incoming, [(low, high)])

    def _perl(self, arguments: Words, command: Command, incoming: list[FileRange]) -> None:
        if any(re.match(r"-\w*i", word) for word in arguments):
            named = [word for word in arguments if not word.startswith("-")][1:]
            if not named:
                self._reaches(Reach.UNKNOWN)
            for word in named:
                self._write(word)
        else:
            self._script(arguments, command, incoming)

    def _script(self, arguments: Words, command: Command, incoming: list[FileRange]) -> None:
        """An interpreter: what a script on the command line says decides."""
        if arguments[:1] == ["-m"] and len(arguments) > 1:
            module = arguments[1]
            if module in ("json.tool", "site", "sysconfig"):
                self.looks = True
            elif module == "pip":
                self._pip(arguments[2:], command, incoming)
            elif module == "http.server":
                self._reaches(Reach.STATE)
            else:
                self._program([module, *arguments[2:]], command, incoming)
            return
        if arguments[:1] in (["--version"], ["-V"], ["-v"], ["--help"]):
            self.looks = True
            return
        inline = [
            b
            for a, b in pairwise(arguments)
            if a in ("-c", "-e", "-p", "--eval", "--print", "-pe", "-ne", "-Command")
        ]
        text = "\n".join([*inline, command.document])
        if not text.strip():
            self._reaches(Reach.UNKNOWN)
        elif not _SCRIPT_WRITES.search(text):
            self.looks = True
        elif _SCRIPT_SEARCHES.search(text) or not (named := _SCRIPT_FILE.findall(text)):
            self._reaches(Reach.ANYTHING)
        else:
            # It writes some of the files that it names, and as a rule no others.
            self._reaches(Reach.UNKNOWN)
            for word in named:
                self._write(self._filled(word))

    def _sub_shell(self, arguments: Words, command: Command, incoming: list[FileRange]) -> None:
        """bash -c and its like: the line within decides."""
        line = next(
            (b for a, b in pairwise(arguments) if re.match(r"-\w*c\Z", a)),
            command.document,
        )
        if not line or UNKNOWN in line:
            if arguments[:1] == ["-n"]:
                self.looks = True
            else:
                self._reaches(Reach.UNKNOWN)
            return
        within = effect(line, self._cwd)
        self.reads += within.reads
        self.writes += within.writes
        self._reaches(within.reach)
        self.looks |= within.looks
        self.volatile |= within.volatile
        self.shows_more |= within.shows_more

    def _eval(self, arguments: Words, command: Command, incoming: list[FileRange]) -> None:
        self._reaches(Reach.UNKNOWN)

    def _xargs(self, arguments: Words, command: Command, incoming: list[FileRange]) -> None:
        words = _skip_options(
            arguments, frozenset(["-I", "-n", "-P", "-L", "-d", "-s", "-a", "-E"])
        )
        if not words:
            self.looks = True
            return
        if _name(words[0]) in programs.WRITERS or _name(words[0]) in ("sed", "perl"):
            # It names files that come through the pipe.
            shell = _Shell(self._cwd)
            shell.run(Command([*words, UNKNOWN]))
            self._reaches(Reach.ANYTHING if shell.writes or shell.reach else Reach.NOTHING)
            return
        self._program([*words, UNKNOWN], command, [])
        self._stream = []

    def _find(self, arguments: Words, command: Command, incoming: list[FileRange]) -> None:
        self.looks = True
        if "-delete" in arguments or any(word.startswith("-fprint") for word in arguments):
            self._reaches(Reach.ANYTHING)
        for option in ("-exec", "-execdir", "-ok", "-x", "-X", "--exec"):
            if option in arguments:
                after = arguments[arguments.index(option) + 1 :]
                self._xargs([word for word in after if word not in (";", "+")], command, [])

    def _git(self, arguments: Words, command: Command, incoming: list[FileRange]) -> None:
        words = arguments
        outer = self._cwd
        while words and words[0].startswith("-"):
            if words[0] == "-C" and len(words) > 1:
                self._cwd = self._path(words[1]) or UNKNOWN
            if words[0] in ("--version", "--help"):
                self.looks = True
                return
            takes = words[0] in ("-C", "-c", "--git-dir", "--work-tree", "--namespace")
            words = words[2 if takes else 1 :]
        if words:
            self._git_command(words[0], words[1:])
        self._cwd = outer

    def _git_command(self, name: str, arguments: Words) -> None:
        paths = arguments[arguments.index("--") + 1 :] if "--" in arguments else []
        lists = programs.GIT_LISTS.get(name)
        if name == "ls-remote":
            self.looks = self.volatile = True
        elif name in programs.GIT_LOOKS or (
            lists is not None
            and (
                any(word.split("=")[0] in lists for word in arguments)
                or (not arguments and name in ("branch", "tag", "remote"))
                or (name == "config" and len(arguments) == 1)
            )
        ):
            self.looks = True
            target = next((w[9:] for w in arguments if w.startswith("--output=")), None)
            if target:
                self._write(target)
        elif name in programs.GIT_STATE or (
            name == "reset" and not {"--hard", "--merge", "--keep"} & set(arguments)
        ):
            self._reaches(Reach.STATE)
        elif name in ("checkout", "switch", "restore", "rm", "mv"):
            self._git_files(name, arguments, paths)
        elif name in ("worktree", "clone"):
            self._git_folder(name, [word for word in arguments if not word.startswith("-")])
        else:
            self._reaches(Reach.ANYTHING)

    def _git_folder(self, name: str, named: Words) -> None:
        """A folder of its own that git makes or removes."""
        self._reaches(Reach.STATE)
        if name == "worktree" and named[:1] in (["add"], ["remove"], ["move"]):
            for path in named[1:3] if named[0] == "move" else named[1:2]:
                self._write(path)
        elif name == "clone" and named:
            folder = named[0].rstrip("/").rpartition("/")[2].removesuffix(".git")
            self._write(named[1] if len(named) > 1 else folder)

    def _git_files(self, name: str, arguments: Words, paths: Words) -> None:
        """What git brings back, removes or renames in the working tree."""
        self._reaches(Reach.STATE)
        options = {word for word in arguments if word.startswith("-")}
        named = [word for word in arguments if word not in options]
        if name in ("checkout", "switch") and options & {"-b", "-B", "-c", "-C", "--orphan"}:
            # A new branch from here leaves the files alone; from elsewhere it brings others.
            if len(named) > 1:
                self._reaches(Reach.ANYTHING)
            return
        if options & {"--cached"} or (options & {"--staged", "-S"} and "--worktree" not in options):
            return
        if not paths and (name not in ("checkout", "switch") or options & {"--ours", "--theirs"}):
            paths = named
        if not paths or "." in paths:
            self._reaches(Reach.ANYTHING)
        for path in paths:
            self._write(path)

    def _gh(self, arguments: Words, command: Command, incoming: list[FileRange]) -> None:
        words = [word for word in arguments if not word.startswith("-")]
        if words[:1] == ["api"]:
            sends = {"-X", "--method", "-f", "-F", "--field", "--raw-field", "--input"}
            method = next((b for a, b in pairwise(arguments) if a in sends), "GET")
            query = any("query=query" in word or "query=\nquery" in word for word in arguments)
            if method.upper() == "GET" or (
                not {"-X", "--method"} & set(arguments)
                and "graphql" in words
                and (query or not any("mutation" in word for word in arguments))
            ):
                self.looks = self.volatile = True
            else:
                self._reaches(Reach.STATE)
        elif (len(words) > 1 and words[1] in programs.GH_LOOKS) or words[:1] in (
            ["search"],
            ["status"],
        ):
            self.looks = self.volatile = True
        elif words[:2] in (["pr", "checkout"], ["repo", "clone"], ["run", "download"]):
            self._reaches(Reach.ANYTHING)
        else:
            self._reaches(Reach.STATE)

    def _curl(self, arguments: Words, command: Command, incoming: list[FileRange]) -> None:
        self.looks = self.volatile = True
        for a, b in pairwise(arguments):
            if a in ("-o", "--output", "-O", "--output-document") and b not in (*_SINKS, "-"):
                self._write(b)
        if {"-O", "--remote-name", "-J"} & set(arguments):
            self._reaches(Reach.UNKNOWN)
        sends = any(
            word.startswith(("-d", "--data", "-F", "--form", "-T", "--json")) for word in arguments
        )
        method = next(
            (b for a, b in pairwise(arguments) if a in ("-X", "--request")),
            "POST" if sends else "GET",
        )
        if method.upper() not in ("GET", "HEAD"):
            self._reaches(Reach.STATE)

    def _wget(self, arguments: Words, command: Command, incoming: list[FileRange]) -> None:
        self.looks = self.volatile = True
        target = next((b for a, b in pairwise(arguments) if a.endswith("O")), None)
        if target is None:
            self._reaches(Reach.UNKNOWN)
        elif target not in (*_SINKS, "-"):
            self._write(target)

    def _dd(self, arguments: Words, command: Command, incoming: list[FileRange]) -> None:
        for word in arguments:
            if word.startswith("of="):
                self._write(word[3:])

    def _tar(self, arguments: Words, command: Command, incoming: list[FileRange]) -> None:
        mode = arguments[0].lstrip("-") if arguments else ""
        if "t" in mode:
            self.looks = True
        elif "c" in mode and len(arguments) > 1:
            self._write(arguments[1])
        elif "-C" in arguments[:-1]:
            self._write(arguments[arguments.index("-C") + 1])
        else:
            self._reaches(Reach.ANYTHING)

    def _yq(self, arguments: Words, command: Command, incoming: list[FileRange]) -> None:
        if any(word in ("-i", "--inplace") for word in arguments):
            targets = [word for word in arguments if not word.startswith("-")]
            self._write(targets[-1] if targets else UNKNOWN)
        else:
            self.looks = True

    def _pip(self, arguments: Words, command: Command, incoming: list[FileRange]) -> None:
        if arguments[:1] and arguments[0] in ("list", "show", "freeze", "check", "--version"):
            self.looks = True
        else:
            # Packages are no files of the work.
            self._reaches(Reach.STATE)

    def _system_packages(
        self, arguments: Words, command: Command, incoming: list[FileRange]
    ) -> None:
        looks = ("list", "info", "search", "show", "--version", "--prefix", "leaves", "-l", "-L")
        if any(word in looks for word in arguments[:2]):
            self.looks = True
        else:
            self._reaches(Reach.STATE)

    def _get_content(self, arguments: Words, command: Command, incoming: list[FileRange]) -> None:
        self.looks = True
        lower = [word.lower() for word in arguments]
        pairs = list(zip(lower, arguments[1:], strict=False))
        path = next((b for a, b in pairs if a in ("-path", "-literalpath")), None)
        if path is None:
            values = {i + 1 for i, word in enumerate(lower) if word in programs.CONTENT_OPTIONS}
            path = next(
                (
                    word
                    for i, word in enumerate(arguments)
                    if not word.startswith("-") and i not in values
                ),
                None,
            )
        if path is None:
            return
        first = next((b for a, b in pairs if a in ("-totalcount", "-head", "-first")), "")
        last = next((b for a, b in pairs if a in ("-tail", "-last")), "")
        for whole in self._ranges([path]):
            if first.isdigit():
                whole = FileRange(whole.path, 1, int(first))
            elif last.isdigit():
                whole = FileRange(whole.path, -int(last), -1)
            self._stream.append(whole)

    def _ranges(self, targets: Words) -> list[FileRange]:
        paths = [self._path(word) for word in targets if word not in ("-", "")]
        return [FileRange(path) for path in paths if path is not None]


@lru_cache(maxsize=4096)
def _name(word: str) -> str:
    """The name of the program that a word runs."""
    name = word.replace("\\", "/").rpartition("/")[2]
    lower = name.lower()
    if lower.endswith((".exe", ".cmd", ".bat")):
        return lower[:-4]
    return lower if "-" in name and name[:1].isupper() else name


def _skip_options(words: Words, with_value: frozenset[str]) -> Words:
    while words and words[0].startswith("-") and words[0] not in ("--", "-"):
        words = words[2 if words[0] in with_value else 1 :]
    return words[1:] if words[:1] == ["--"] else words


def _count(arguments: Words) -> tuple[int | None, Words]:
    """How many lines head or tail show, and of which files; None if they count characters."""
    count: int | None = 10
    targets: Words = []
    words = iter(arguments)
    for word in words:
        if word in ("-n", "--lines", "-c", "--bytes"):
            value = next(words, "")
            count = int(value) if re.match(r"[+-]?\d+\Z", value) and "n" in word else None
        elif word.startswith(("-c", "--bytes")):
            count = None
        elif told := _COUNT.match(word):
            count = int(told.group(1))
        elif re.match(r"\+\d+\Z", word):
            count = int(word)
        elif not word.startswith("-") or word == "-":
            targets.append(word)
    return count, targets


def _sed_spans(script: str, quiet: bool) -> list[tuple[int, int]]:
    """The stretches of lines that a script prints; none if it does anything else."""
    spans = []
    for part in re.split(r"[;\n]", script):
        part = part.strip()
        if not part or re.match(r"\d+q\Z", part):
            if part and not quiet:
                spans.append((1, int(part[:-1])))
            continue
        told = _SED_LINES.fullmatch(part)
        if told is None or (quiet != part.endswith("p")):
            return []
        first = int(told.group(1))
        last = told.group(2) or told.group(1)
        if last == "$":
            spans.append((first, END))
        elif last.startswith("+"):
            spans.append((first, first + int(last)))
        else:
            spans.append((first, int(last)))
    return spans


def _narrowed(stream: list[FileRange], spans: list[tuple[int, int]]) -> list[FileRange]:
    """Lines of a stream, counted from its beginning."""
    found = []
    for r in stream:
        if r.from_end:
            continue
        for low, high in spans:
            first, last = r.first + low - 1, min(r.last, r.first + min(high, END) - 1)
            if 0 < first <= last:
                found.append(FileRange(r.path, first, last))
    return found


_Handler = Callable[[_Shell, Words, Command, list[FileRange]], None]
_HANDLERS: dict[str, _Handler] = {
    "cd": _Shell._cd,
    "chdir": _Shell._cd,
    "set-location": _Shell._cd,
    "cat": _Shell._show,
    "bat": _Shell._show,
    "less": _Shell._show,
    "more": _Shell._show,
    "nl": _Shell._show,
    "head": _Shell._head,
    "tail": _Shell._tail,
    "sed": _Shell._sed,
    "gsed": _Shell._sed,
    "awk": _Shell._awk,
    "gawk": _Shell._awk,
    "mawk": _Shell._awk,
    "perl": _Shell._perl,
    "python": _Shell._script,
    "python3": _Shell._script,
    "py": _Shell._script,
    "node": _Shell._script,
    "ruby": _Shell._script,
    "lua": _Shell._script,
    "luac": _Shell._script,
    "php": _Shell._script,
    "tsx": _Shell._script,
    "ts-node": _Shell._script,
    "deno": _Shell._script,
    "bash": _Shell._sub_shell,
    "sh": _Shell._sub_shell,
    "zsh": _Shell._sub_shell,
    "eval": _Shell._eval,
    "source": _Shell._eval,
    ".": _Shell._eval,
    "xargs": _Shell._xargs,
    "find": _Shell._find,
    "fd": _Shell._find,
    "git": _Shell._git,
    "gh": _Shell._gh,
    "glab": _Shell._gh,
    "curl": _Shell._curl,
    "wget": _Shell._wget,
    "dd": _Shell._dd,
    "tar": _Shell._tar,
    "yq": _Shell._yq,
    "pip": _Shell._pip,
    "pip3": _Shell._pip,
    "apt": _Shell._system_packages,
    "apt-get": _Shell._system_packages,
    "brew": _Shell._system_packages,
    "winget": _Shell._system_packages,
    "get-content": _Shell._get_content,
    "gc": _Shell._get_content,
}
