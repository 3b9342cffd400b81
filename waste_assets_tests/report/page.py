"""A page of the report as the tests read it."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path

_VOID = frozenset(("meta", "link", "br", "img", "hr", "input"))
_SHAPES = frozenset(("rect", "line", "path", "circle"))


@dataclass
class Element:
    """One element with its attributes and all text within it."""

    tag: str
    attributes: dict[str, str | None]
    parts: list[str] = field(default_factory=list)
    inside: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """Its text, on one line."""
        return " ".join("".join(self.parts).split())


class Page(HTMLParser):
    """The elements of a page, in order; every one that is opened is closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[Element] = []
        self._open: list[Element] = []
        self.declared = ""
        self.feed(text)
        self.close()
        assert self._open == []

    @classmethod
    def of(cls, path: Path) -> Page:
        """The page in a file."""
        return cls(path.read_text("utf-8"))

    def handle_decl(self, decl: str) -> None:
        self.declared = decl

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element = Element(tag, dict(attrs), inside=tuple(one.tag for one in self._open))
        self.elements.append(element)
        if tag not in _VOID:
            self._open.append(element)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in _SHAPES | _VOID
        self.elements.append(Element(tag, dict(attrs), inside=tuple(o.tag for o in self._open)))

    def handle_endtag(self, tag: str) -> None:
        assert self._open and self._open.pop().tag == tag, tag

    def handle_data(self, data: str) -> None:
        for element in self._open:
            element.parts.append(data)

    def all(self, tag: str, **attributes: str) -> list[Element]:
        """Elements of a kind with these attributes (`class_` for `class`)."""
        wanted = {name.rstrip("_").replace("_", "-"): value for name, value in attributes.items()}
        return [
            one
            for one in self.elements
            if one.tag == tag and wanted.items() <= one.attributes.items()
        ]

    def figure(self, name: str) -> float:
        """The value of the one figure with this id."""
        (one,) = self.all("data", id=name)
        return float(one.attributes["value"] or "")

    @property
    def text(self) -> str:
        """All text of the body."""
        (body,) = self.all("body")
        return body.text
