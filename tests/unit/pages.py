"""The documentation pages, parsed: command lines, links, headings, tables, messages."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

ROOT = Path(__file__).parents[2]
# Pages without a translation. `make bench` writes the figures of the benchmark.
ONE_LANGUAGE = {"docs/benchmark.md"}
_PROGRAMS = {"labctl", ".venv/bin/labctl"}
_FENCE = re.compile(r"^```(\w*)[^\n]*\n(.*?)^```", re.MULTILINE | re.DOTALL)
_INLINE = re.compile(r"`([^`\n]+)`")
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#{1,6} (.+)$", re.MULTILINE)


def pages() -> list[Page]:
    """All Markdown files at the top and below docs/, in both languages."""
    return [Page(path) for path in sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])]


@dataclass(frozen=True)
class Page:
    """One Markdown file."""

    path: Path

    @property
    def name(self) -> str:
        return self.path.relative_to(ROOT).as_posix()

    @property
    def is_japanese(self) -> bool:
        return self.name.endswith(".ja.md")

    @property
    def twin(self) -> Path:
        """The same page in the other language."""
        if self.is_japanese:
            return self.path.with_name(self.path.name.removesuffix(".ja.md") + ".md")
        return self.path.with_name(self.path.stem + ".ja.md")

    @cached_property
    def text(self) -> str:
        return self.path.read_text(encoding="utf-8")

    @cached_property
    def prose(self) -> str:
        """The text without its fenced blocks."""
        return _FENCE.sub("", self.text)

    def blocks(self, language: str) -> list[str]:
        """The fenced blocks with that language tag."""
        return [body for kind, body in _FENCE.findall(self.text) if kind == language]

    @property
    def inline(self) -> list[str]:
        # A heading may be a message that begins with `labctl`.
        return _INLINE.findall(_HEADING.sub("", self.prose))

    @property
    def links(self) -> list[str]:
        return _LINK.findall(_INLINE.sub("", self.prose))

    @property
    def anchors(self) -> set[str]:
        """The anchors of the headings on this page, built as GitHub builds them."""
        titles = (title.strip().lower() for title in _HEADING.findall(self.prose))
        return {re.sub(r"[^\w\- ]", "", title).replace(" ", "-") for title in titles}

    @property
    def typed(self) -> list[str]:
        """The lines a reader types: after `$ ` in `console` blocks, all in `sh` blocks."""
        console = "".join(self.blocks("console")).splitlines()
        plain = "".join(self.blocks("sh")).splitlines()
        return [line[2:] for line in console if line.startswith("$ ")] + plain

    @property
    def labctl_lines(self) -> list[tuple[str, ...]]:
        """The words after `labctl` of every command line on the page, in order."""
        return [words for line in [*self.typed, *self.inline] for words in labctl_words(line)]


def labctl_words(line: str) -> Iterator[tuple[str, ...]]:
    """The words after `labctl`, for each labctl that a shell line starts."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    try:
        words = list(lexer)
    except ValueError:
        return
    simple: list[str] = []
    for word in [*words, ";"]:
        if set(word) <= set("();<>|&"):
            yield from _of_labctl(simple)
            simple = []
        else:
            simple.append(word)


def _of_labctl(words: list[str]) -> Iterator[tuple[str, ...]]:
    while words and (words[0] == "sudo" or re.fullmatch(r"[A-Z_]+=.*", words[0])):
        words = words[1:]
    if words and words[0] in _PROGRAMS:
        yield tuple(words[1:])
