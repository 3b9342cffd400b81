"""Shell command lines, taken apart into the simple commands that they run.

This is a reader, not a shell: it knows quotes, operators, redirections, here-documents,
substitutions and the words of compound commands, which is what it takes to tell what a line
looks at and what it changes. shlex knows neither here-documents nor substitutions and takes ten
times as long, so that the lexer is one regular expression a dialect.
"""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass, field

#: Stands around the name of a variable in a word, and alone for what nobody can know.
UNKNOWN = "\0"
#: Commands that mark where a subshell begins and ends.
OPEN, CLOSE = ("(",), (")",)


@dataclass(slots=True)
class Command:
    """A simple command: its words without quotes, where its streams go, what it is fed."""

    words: list[str] = field(default_factory=list)
    #: (operator, target) as in `2>`, `out.txt`.
    redirections: list[tuple[str, str]] = field(default_factory=list)
    #: Its input comes from the command before it.
    piped: bool = False
    #: Text of its here-document.
    document: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    """The commands of a line in the order in which they begin."""

    commands: tuple[Command, ...]
    #: False where the line could not be read to its end: what follows is not known.
    complete: bool


_SHELL = re.compile(
    r"""(?P<space>(?:[ \t\r]|\\\r?\n)+)
    |(?P<word>[^\s'"\\$`;&|()<>\#]+)(?:[ \t]+|(?=\n|\Z))
    |(?P<plain>[^\s'"\\$`;&|()<>\#]+)
    |(?P<single>'[^']*')
    |(?P<double>")
    |(?P<escape>\\(?s:.))
    |(?P<comment>\#[^\n]*)
    |(?P<redirect>&>>|&>|<<<|<<-|<<|<>|<&|>>|>&|>\||<|>)
    |(?P<join>\|&|\|(?!\|))
    |(?P<end>\n|;;&|;;|;&|;|&&|\|\||&)
    |(?P<dollar>\$\(\(|\$\(|\$'(?:[^'\\]|\\(?s:.))*'|\$\{|\$\w+|\$[?!@*\#$-]|\$)
    |(?P<tick>`)
    |(?P<open>\()
    |(?P<close>\))
    """,
    re.VERBOSE,
)
_POWERSHELL = re.compile(
    r"""(?P<space>(?:[ \t\r]|`\r?\n)+)
    |(?P<here>@'\n(?s:.*?)\n'@|@"\n(?s:.*?)\n"@)
    |(?P<word>[^\s'"$`;&|(){}<>\#]+)(?:[ \t]+|(?=\n|\Z))
    |(?P<plain>[^\s'"$`;&|(){}<>\#]+)
    |(?P<single>'[^']*')
    |(?P<double>")
    |(?P<escape>`(?s:.))
    |(?P<comment>\#[^\n]*)
    |(?P<redirect>>>|>&|>|<)
    |(?P<end>\n|;|&&|\|\||&)
    |(?P<join>\|(?!\|))
    |(?P<dollar>\$\(|\$\{|\$(?:env:)?\w+|\$)
    |(?P<open>[({])
    |(?P<close>[)}])
    """,
    re.VERBOSE,
)
_IN_QUOTES = re.compile(
    r"""(?P<plain>[^"\\$`]+)
    |(?P<escape>\\(?s:.))
    |(?P<dollar>\$\(\(|\$\(|\$\{|\$\w+|\$)
    |(?P<tick>`)
    |(?P<close>")
    """,
    re.VERBOSE,
)
_IN_QUOTES_POWERSHELL = re.compile(
    r"""(?P<plain>[^"`$]+)
    |(?P<escape>`(?s:.))
    |(?P<dollar>\$\(|\$\{|\$(?:env:)?\w+|\$)
    |(?P<close>")
    """,
    re.VERBOSE,
)
#: A line that needs no reading: words with one space between them.
_PLAIN_WORDS = re.compile(r"[\w./:=,@%+-]+(?: [\w./:=,@%+-]+)*")
_STREAM = re.compile(r"\d+\Z")
#: Words of compound commands with nothing of their own to run.
_KEYWORDS = frozenset(
    ["if", "then", "else", "elif", "fi", "while", "until", "do", "done", "!", "{", "}", "time"]
)
#: Compound commands that only a shell can follow.
_TOO_HARD = frozenset(["case", "function", "select", "coproc"])
_DEPTH = 20


class _Unreadable(Exception):
    pass


def read(text: str, *, powershell: bool = False) -> Line:
    """Take a command line apart. Never raises: what cannot be read makes the line incomplete."""
    if _PLAIN_WORDS.fullmatch(text):
        return Line((Command(text.split(" ")),), complete=True)
    reader = _Reader(text, powershell)
    try:
        reader.commands("")
    except _Unreadable:
        with suppress(_Unreadable):
            reader.flush()
        return Line(tuple(reader.found), complete=False)
    return Line(tuple(reader.found), complete=True)


class _Reader:
    def __init__(self, text: str, powershell: bool) -> None:
        self.text = text
        self.found: list[Command] = []
        self._powershell = powershell
        self._tokens = _POWERSHELL if powershell else _SHELL
        self._quoted = _IN_QUOTES_POWERSHELL if powershell else _IN_QUOTES
        self._at = 0
        self._depth = 0
        self._command = Command()
        #: The word under construction; None between words.
        self._word: list[str] | None = None
        self._redirect: str | None = None
        #: Here-documents whose text begins after the line: command, delimiter, indented.
        self._documents: list[tuple[Command, str, bool]] = []

    def commands(self, until: str) -> None:
        """Read commands up to a closing bracket or tick, or to the end of the text."""
        self._depth += 1
        if self._depth > _DEPTH:
            raise _Unreadable
        text, match = self.text, self._tokens.match
        while self._at < len(text):
            token = match(text, self._at)
            if token is None:
                raise _Unreadable
            kind = token.lastgroup
            value = token.group()
            self._at = token.end()
            if kind == "word":
                # The most common: a whole word, or the end of one.
                self._add(token["word"])
                self._end_word()
            elif kind == "plain" or (kind == "comment" and self._word is not None):
                if kind == "comment":
                    value = "#"
                    self._at = token.start() + 1
                self._add(value)
            elif kind == "space":
                self._end_word()
            elif kind == "single":
                self._add(value[1:-1])
            elif kind == "double":
                self._double()
            elif kind == "escape":
                self._add(value[1:])
            elif kind == "dollar":
                self._dollar(value)
            elif kind == "redirect":
                self._redirection(value)
            elif kind == "join":
                self.flush()
                self._command.piped = True
            elif kind == "end":
                self.flush()
                if value == "\n":
                    self._read_documents()
            elif kind == "tick":
                if until == "`":
                    break
                self._substitution("`")
            elif kind == "open":
                self._open(value)
            elif kind == "close":
                if until == value:
                    break
                raise _Unreadable
            elif kind == "here":
                self._add(value[3:-3])
        else:
            if until:
                raise _Unreadable
        self.flush()
        if not until:
            self._read_documents()
        self._depth -= 1

    def flush(self) -> None:
        """End the command at hand."""
        self._end_word()
        command = self._command
        while command.words and command.words[0] in _KEYWORDS:
            del command.words[0]
        if command.words and command.words[0] == "for":
            command.words.clear()
        if command.words or command.redirections:
            self.found.append(command)
        self._command = Command()
        if command.words and command.words[0] in _TOO_HARD and not self._powershell:
            raise _Unreadable

    def _add(self, piece: str) -> None:
        if self._word is None:
            self._word = [piece]
        else:
            self._word.append(piece)

    def _end_word(self) -> None:
        if self._word is None:
            return
        word = "".join(self._word)
        self._word = None
        if self._redirect is None:
            self._command.words.append(word)
            if word in ("[[", "[") and len(self._command.words) == 1:
                self._skip_test("]]" if word == "[[" else "]")
            return
        operator, self._redirect = self._redirect, None
        if operator.lstrip("0123456789") in ("<<", "<<-"):
            self._documents.append((self._command, word, operator.endswith("-")))
        else:
            self._command.redirections.append((operator, word))

    def _skip_test(self, closing: str) -> None:
        """Pass over a condition, whose operators look like redirections and pipes."""
        end = self.text.find(" " + closing, self._at)
        if end < 0:
            raise _Unreadable
        self._at = end + 1 + len(closing)

    def _redirection(self, operator: str) -> None:
        stream = ""
        if self._word is not None and _STREAM.match("".join(self._word)):
            stream = "".join(self._word)
            self._word = None
        self._end_word()
        if self.text.startswith("(", self._at) and operator in ("<", ">"):
            # A process in the place of a file.
            self._at += 1
            self._substitution(")")
            return
        self._redirect = stream + operator

    def _open(self, bracket: str) -> None:
        if self._powershell:
            self._substitution(")" if bracket == "(" else "}")
            return
        if self._word is not None:
            # An array, a function or a pattern.
            raise _Unreadable
        if self.text.startswith("(", self._at):
            self._arithmetic("))")
            return
        if self._command.words:
            raise _Unreadable
        piped = self._command.piped
        self.found.append(Command(list(OPEN), piped=piped))
        self._command = Command()
        self.commands(")")
        self.found.append(Command(list(CLOSE)))

    def _arithmetic(self, closing: str) -> None:
        end = self.text.find(closing, self._at)
        if end < 0:
            raise _Unreadable
        self._at = end + len(closing)

    def _substitution(self, closing: str) -> None:
        """Read the commands of a substitution; what they print is not known."""
        self._add(UNKNOWN + UNKNOWN)
        outer = self._command, self._word, self._redirect
        self._command, self._word, self._redirect = Command(), None, None
        try:
            self.commands(closing)
        except _Unreadable:
            self.flush()
            raise
        finally:
            # Also where the text ends within: the outer command is known as far as it goes.
            self._command, self._word, self._redirect = outer

    def _dollar(self, value: str) -> None:
        if value == "$((":
            self._arithmetic("))")
            self._add(UNKNOWN + UNKNOWN)
        elif value == "$(":
            self._substitution(")")
        elif value == "${":
            end = self.text.find("}", self._at)
            if end < 0:
                raise _Unreadable
            name = self.text[self._at : end]
            self._at = end + 1
            self._add(UNKNOWN + (name if name.isidentifier() else "") + UNKNOWN)
        elif value.startswith("$'"):
            self._add(value[2:-1])
        elif value == "$":
            self._add(value)
        else:
            name = value[1:].removeprefix("env:")
            self._add(UNKNOWN + (name if name.isidentifier() else "") + UNKNOWN)

    def _double(self) -> None:
        self._add("")
        text, match = self.text, self._quoted.match
        while token := match(text, self._at):
            kind = token.lastgroup
            value = token.group()
            self._at = token.end()
            if kind == "close":
                return
            if kind == "plain":
                self._add(value)
            elif kind == "escape":
                # Within quotes a backslash is one, but before what it can quote.
                keep = not self._powershell and value[1] not in '"\\$`\n'
                self._add(value if keep else value[1:])
            elif kind == "dollar":
                self._dollar(value)
            else:
                self._substitution("`")
        raise _Unreadable

    def _read_documents(self) -> None:
        documents, self._documents = self._documents, []
        for command, delimiter, indented in documents:
            tabs = r"\t*" if indented else ""
            closing = re.compile(rf"^{tabs}{re.escape(delimiter)}[ \t\r]*$", re.MULTILINE)
            end = closing.search(self.text, self._at)
            if end is None:
                command.document = self.text[self._at :]
                self._at = len(self.text)
                raise _Unreadable
            command.document = self.text[self._at : end.start()]
            self._at = min(end.end() + 1, len(self.text))
