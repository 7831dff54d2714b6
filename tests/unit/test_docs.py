"""The documentation is compared with the program: every command that it shows must exist."""

from __future__ import annotations

import dataclasses
import gettext
import re
import tomllib
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
import typer.main

from labctl.cli.app import build
from labctl.difference import Changed, Difference, FileChange, HostDifference
from labctl.edition_files import editions, load_edition
from labctl.engine import UpResult, step_names, stop_names
from labctl.errors import ExitCode
from labctl.health import Diagnosis
from labctl.lab import load_lab
from labctl.mailtest.logs import LogLine
from labctl.mailtest.trace import Stage, Trace
from labctl.managed import ManagedFile
from labctl.providers.registry import provider_names
from labctl.providers.settings import check_settings, known_keys
from labctl.providers.vagrant.failures import failure
from labctl.reset import ResetResult
from labctl.results import (
    Astray,
    Change,
    CheckpointInfo,
    Delivery,
    Finding,
    Hop,
    MailTestResult,
    StepReport,
    StressPhase,
    StressResult,
    Trial,
)
from labctl.run import Completed
from labctl.status import HostStatus, LabStatus
from provision.steps import STEPS
from tests.books import LAB
from tests.unit.pages import ONE_LANGUAGE, ROOT, Page, labctl_words, pages

PAGES = pages()
HOW_TO = ROOT / "docs" / "how-to"
BOTH = pytest.mark.parametrize("ending", ["md", "ja.md"])
each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
COMMAND: Any = typer.main.get_command(build())
COMMANDS = {name: COMMAND.get_command(typer.Context(COMMAND), name) for name in COMMAND.commands}
# The program builds a command when it is run. Here each is parsed many times, and built once.
COMMAND.get_command = lambda _context, name: COMMANDS.get(name)
CHECKPOINTS = {"os", *(step.checkpoint or step.name for step in STEPS)}


def reference(name: str, ending: str) -> Page:
    return Page(ROOT / "docs" / "reference" / f"{name}.{ending}")


# These act during parsing: the first changes the user's shell, the others end the program.
AT_ONCE = {"--install-completion", "--show-completion", "--version", "--help"}


def parse(words: tuple[str, ...]) -> None:
    """Parse a command line as labctl does, without running it."""
    if AT_ONCE & set(words):
        words = tuple(word for word in words if word not in AT_ONCE)
        assert not words or words[0] in COMMANDS
        return
    if len(words) in (1, 2) and words[0] == "drill":
        assert set(words[1:]) <= set(COMMANDS["drill"].commands)
        return
    if len(words) == 1 and words[0] in COMMANDS:
        return  # only the name of a command, without its arguments
    chosen: Any = COMMAND
    context = chosen.make_context("labctl", list(words))
    while hasattr(chosen, "resolve_command"):
        rest = [*context._protected_args, *context.args]
        name, chosen, rest = chosen.resolve_command(context, rest)
        context = chosen.make_context(name, rest, parent=context)


def option(words: tuple[str, ...], name: str) -> str | None:
    """The value of an option. None if the option is missing or its value is a placeholder."""
    value = words[words.index(name) + 1] if name in words else ""
    return None if value == value.upper() else value


@each_page
def test_every_command_line_is_one_that_labctl_understands(page: Page) -> None:
    for words in page.labctl_lines:
        if words:
            parse(words)


@each_page
def test_steps_and_checkpoints_on_command_lines_exist(page: Page) -> None:
    for words in page.labctl_lines:
        assert option(words, "--until") in {None, *stop_names(LAB)}, words
        assert option(words, "--to") in {None, *CHECKPOINTS} or {"render", "move"} & {*words}, words


@each_page
def test_every_relative_link_resolves(page: Page) -> None:
    for link in page.links:
        if re.match(r"https?://|mailto:", link):
            continue
        target, _, anchor = link.partition("#")
        path = (page.path.parent / target).resolve() if target else page.path
        assert path.exists(), link
        if anchor:
            assert anchor in Page(path).anchors, link


@each_page
def test_every_page_is_there_in_both_languages(page: Page) -> None:
    if page.name not in ONE_LANGUAGE:
        assert page.twin.exists(), page.twin.name


@each_page
def test_both_languages_tell_the_same_commands(page: Page) -> None:
    if page.name not in ONE_LANGUAGE:
        twin = Page(page.twin)
        in_both = [[list(labctl_words(line)) for line in each.typed] for each in (page, twin)]
        assert in_both[0] == in_both[1]
        assert len(page.anchors) == len(twin.anchors)


@each_page
def test_a_japanese_page_links_to_japanese_pages(page: Page) -> None:
    """Only the language link at the top of a page leads to the other language."""
    for link in page.links:
        path = (page.path.parent / link.partition("#")[0]).resolve()
        own = path.suffix == ".md" and path != page.twin.resolve()
        if own and path.relative_to(ROOT).as_posix() not in ONE_LANGUAGE:
            assert Page(path).is_japanese == page.is_japanese, link


@each_page
def test_lab_files_on_the_page_are_right(page: Page, tmp_path: Path) -> None:
    for number, block in enumerate(page.blocks("toml")):
        path = tmp_path / f"{number}.toml"
        path.write_text(block, encoding="utf-8")
        check_settings(load_lab("docs", path), path)


@BOTH
def test_every_exit_code_is_documented(ending: str) -> None:
    table = reference("exit-codes", ending).text
    for code in ExitCode:
        assert re.search(rf"^\| `{int(code)}` \|", table, re.MULTILINE), code


@BOTH
def test_the_readme_lists_every_exit_code(ending: str) -> None:
    text = Page(ROOT / f"README.{ending}").text
    _before, listed = re.split(r"Exit codes: |終了コードは、", text)
    codes = re.findall(r"\b(\d+)(?= )", listed.partition("exit-codes")[0])
    assert codes == [str(int(code)) for code in ExitCode]


@BOTH
def test_the_command_reference_has_each_command_with_exactly_its_options(ending: str) -> None:
    text = reference("commands", ending).text
    sections = dict(re.findall(r"^## `labctl ([\w-]+)`\n(.*?)(?=^## |\Z)", text, re.M | re.S))
    assert set(sections) == set(COMMANDS)
    for name, command in COMMANDS.items():
        real = _options(command)
        told = set(re.findall(r"`(--[a-z-]+)", sections[name]))
        assert told == real - {"--help"}, name


def _options(command: Any) -> set[str]:
    """The long options of a command, or of a group's commands together."""
    below = getattr(command, "commands", {}).values()
    own = {opt for param in command.params for opt in param.opts if opt.startswith("--")}
    return own.union(*(_options(each) for each in below))


@BOTH
def test_the_command_reference_names_the_providers(ending: str) -> None:
    rows = re.findall(r"^\| `--provider NAME` \| (.*)$", reference("commands", ending).text, re.M)
    assert re.findall(r"`(\w+)`", rows[0])[: len(provider_names())] == list(provider_names())


RESULTS: list[type] = [
    UpResult, StepReport, Change, MailTestResult, Delivery, Hop, ResetResult, LabStatus,
    HostStatus, CheckpointInfo, ManagedFile, LogLine, Trial, Trace, Stage, Diagnosis, Finding,
    Difference, HostDifference, FileChange, Changed, StressResult,
    StressPhase, Astray,
]  # fmt: skip


@BOTH
@pytest.mark.parametrize("result", RESULTS, ids=lambda result: result.__name__)
def test_every_json_field_is_documented(result: type, ending: str) -> None:
    told = set(reference("json", ending).inline)
    assert {field.name for field in dataclasses.fields(result)} <= told


@BOTH
def test_the_json_of_every_command_is_described(ending: str) -> None:
    text = reference("json", ending).text
    sections = set(re.findall(r"^## .*$", text, re.M))
    told = {name for line in sections for name in re.findall(r"`([\w-]+)`", line)}
    (nothing,) = re.findall(r"^\| `data` \|.*$", text, re.M)
    told |= set(re.findall(r"`([\w-]+)`", nothing))
    assert {name for name, command in COMMANDS.items() if "--json" in _options(command)} <= told


@BOTH
def test_every_key_of_the_lab_file_is_documented(ending: str) -> None:
    rows = re.findall(r"^\| `(\w+)` \|", reference("lab-file", ending).text, re.MULTILINE)
    assert {*rows, *provider_names()} == set(known_keys())


@BOTH
def test_every_edition_is_documented_with_its_addresses(ending: str) -> None:
    text = reference("editions", ending).text
    for name in editions():
        edition = load_edition(name)
        assert f"`{name}`" in text
        for host in (*edition.hosts, edition.parent):
            assert f"{host.address}" in text and host.fqdn in text
        for package in (
            *chain.from_iterable(edition.packages_for("debian").sets.values()),
            *edition.packages_for("debian").thunderbird,
        ):
            assert f"`{package}`" in text


@BOTH
def test_every_step_and_checkpoint_is_documented(ending: str) -> None:
    page = reference("checkpoints", ending)
    rows = re.findall(r"^\| `([\w-]+)` \|", page.text, re.MULTILINE)
    assert rows[: len(step_names(LAB))] == step_names(LAB)
    assert set(page.inline) >= CHECKPOINTS
    # The title of a step of labctl's own is translated.
    for step in STEPS:
        assert step.extra or step.section in page.text


def glossary(ending: str) -> list[list[str]]:
    """The rows of the glossary, cell by cell."""
    lines = reference("glossary", ending).text.splitlines()
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if "|" in line]
    return [row for row in rows if row[0] not in {"term", "用語"} and "---" not in row[0]]


def test_the_glossary_has_the_same_terms_in_both_languages() -> None:
    english = [(row[0], row[1]) for row in glossary("md")]
    assert english == [(row[1], row[0]) for row in glossary("ja.md")]
    assert len(english) == len(set(english)) > 30


def test_each_term_of_the_glossary_is_used_somewhere_else() -> None:
    pages_but_it = [page for page in PAGES if page.is_japanese and "glossary" not in page.name]
    catalog = (ROOT / "labctl" / "locale" / "ja" / "LC_MESSAGES" / "labctl.po").read_text("utf-8")
    text = "\n".join([catalog, *(page.text for page in pages_but_it)])
    unused = [term for row in glossary("ja.md") for term in row[0].split("、") if term not in text]
    assert unused == []


@BOTH
def test_the_folders_of_the_architecture_page_exist(ending: str) -> None:
    tree = architecture(ending).blocks("")[0]
    paths, parents = [], [""]
    for line in tree.splitlines():
        depth, name = (len(line) - len(line.lstrip())) // 2, line.split()[0]
        parents[depth + 1 :] = [parents[depth] + name]
        paths.append(parents[depth] + name)
    assert len(paths) > 30
    assert [path for path in paths if not list(ROOT.glob(path.rstrip("/")))] == []


@BOTH
def test_the_layers_of_the_architecture_page_are_those_that_are_checked(ending: str) -> None:
    config = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    contract = config["tool"]["importlinter"]["contracts"][0]
    checked = [sorted(re.findall(r"[\w.]+", layer)) for layer in contract["layers"]]
    rows = re.findall(r"^\| (`(?:labctl|provision).+?) \|", architecture(ending).text, re.MULTILINE)
    told = [sorted(re.findall(r"`([\w.]+)`", row)) for row in rows]
    there = [[name for name in layer if exists(name)] for layer in checked]
    assert told == [layer for layer in there if layer and layer != ["labctl.__main__"]]


def architecture(ending: str) -> Page:
    return Page(ROOT / "docs" / "explanation" / f"architecture.{ending}")


def exists(module: str) -> bool:
    path = ROOT / module.replace(".", "/")
    return path.is_dir() or path.with_suffix(".py").is_file()


def test_messages_in_troubleshooting_are_messages_of_the_program() -> None:
    """Each heading is a message of the source, including its `{fields}`."""
    sources = [
        path.read_text("utf-8") for part in ("labctl", "provision") for path in _python(part)
    ]
    source = re.sub(r'"\s*\n\s*"', "", "\n".join(sources))
    english, japanese = (_messages_of(f"troubleshooting.{ending}") for ending in ("md", "ja.md"))
    assert english
    for message in english:
        assert f'"{message}"' in source, message
    catalog = gettext.translation("labctl", ROOT / "labctl" / "locale", languages=["ja"])
    assert japanese == [catalog.gettext(message) for message in english]


def test_messages_on_the_page_of_vagrant_are_messages_of_the_program() -> None:
    """The first column of its table, in both languages."""
    english, japanese = (
        re.findall(
            r"^\| `(.+?)` \|", (HOW_TO / f"vagrant-troubles.{ending}").read_text("utf-8"), re.M
        )
        for ending in ("md", "ja.md")
    )
    catalog = gettext.translation("labctl", ROOT / "labctl" / "locale", languages=["ja"])
    assert len(english) > 10
    assert [message for message in english if catalog.gettext(message) == message] == []
    assert japanese == [catalog.gettext(message) for message in english]


@BOTH
def test_the_texts_on_the_page_of_vagrant_lead_to_their_message(ending: str) -> None:
    page = (HOW_TO / f"vagrant-troubles.{ending}").read_text("utf-8")
    catalog = gettext.translation("labctl", ROOT / "labctl" / "locale", languages=["ja"])
    rows = re.findall(r"^\| `(.+?)` \| (.*?) \| ", page, re.M)
    assert len(rows) > 30
    for message, cell in rows:
        # A text with a backquote in it stands between two of them.
        spans = (re.fullmatch(r"`([^`]+)`|`` (.+) ``", each) for each in cell.split("<br>"))
        printed = [span[1] or span[2] for span in spans if span is not None]
        assert printed, message
        for text in printed:
            done = Completed(("vagrant", "up"), 1, "", f"{text}\n")
            found = failure(["up"], done, [], Path("vagrant.log")).message
            assert message in (found, catalog.gettext(found)), text


def _messages_of(name: str) -> list[str]:
    text = (HOW_TO / name).read_text(encoding="utf-8")
    return re.findall(r"^### `(.+)`$", text, re.MULTILINE)


def _python(part: str) -> list[Path]:
    return sorted((ROOT / part).rglob("*.py"))
