"""Mistakes in files that people write, each as `key: what is allowed`.

The parsers and pydantic report mistakes in English and in terms of Python. Here they become
sentences in the user's language.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, get_args

import yaml
from pydantic import BaseModel, ValidationError

from labctl.i18n import N_, _


class WrongValue(ValueError):
    """A value that does not fit the others. `key` is its place below the model that says so."""

    def __init__(self, key: str, text: str) -> None:
        super().__init__(text)
        self.key = key


def mistakes(error: Exception, model: type[BaseModel] | None = None, text: str = "") -> str:
    """What is wrong in a file, one mistake a line.

    Args:
        error: What reading the file raised: UnicodeDecodeError, an error of tomllib, json, PyYAML
            or pydantic, another ValueError, or RecursionError.
        model: The model of the file, to name the keys that there are.
        text: The text of a TOML file, to find characters of a Japanese keyboard.
    """
    if isinstance(error, ValidationError):
        details = error.errors(include_url=False, include_input=False)
        return "\n".join(one_mistake(each, model) for each in _first(details))
    return _syntax_mistake(error, text)


def _syntax_mistake(error: Exception, text: str) -> str:
    if isinstance(error, UnicodeDecodeError):
        line = error.object[: error.start].count(b"\n") + 1
        return _("line {line}: not UTF-8; save the file in UTF-8", line=line)
    if isinstance(error, tomllib.TOMLDecodeError):
        return _toml_mistake(str(error), text)
    if isinstance(error, json.JSONDecodeError):
        return _at(error.lineno, error.colno, _("not valid JSON"))
    if isinstance(error, yaml.MarkedYAMLError):
        return _yaml_mistake(error)
    if isinstance(error, RecursionError):
        return _("brackets are nested too deeply")
    # Left are numbers that Python cannot read, and characters that YAML does not allow.
    return _("a number or a character that cannot be read")


def one_mistake(detail: Any, model: type[BaseModel] | None = None) -> str:
    """One error of pydantic (an item of ValidationError.errors()) as `key: what is allowed`."""
    # For a wrong key of a table, pydantic adds a part of its own.
    place = [str(part) for part in detail["loc"] if part != "[key]"]
    wrong = detail.get("ctx", {}).get("error")
    if isinstance(wrong, WrongValue):
        place.append(wrong.key)
    return ": ".join(part for part in (".".join(place), _text(detail, model)) if part)


def _text(detail: Any, model: type[BaseModel] | None) -> str:
    kind, place = str(detail["type"]), detail["loc"]
    if kind in ("extra_forbidden", "unexpected_keyword_argument"):
        names = ", ".join(_keys(model, place[:-1]))
        return _("no such key; there are: {names}", names=names) if names else _("no such key")
    if kind in _TABLES:
        if not place:
            return _("the file has no keys")
        names = ", ".join(_keys(model, place))
        return _("must have keys: {names}", names=names) if names else _("must have keys")
    if kind.startswith("date"):
        return _("must be a date like 2026-07-01")
    if text := _TEXTS.get(kind):
        return _(text, **_words(detail.get("ctx", {})))
    return str(detail["msg"]).removeprefix("Value error, ")


_TABLES = ("dict_type", "model_type", "model_attributes_type", "dataclass_type")
_TEXTS = {
    "missing": N_("this key is missing"),
    "literal_error": N_("must be {expected}"),
    "string_type": N_("must be text"),
    "string_pattern_mismatch": N_("must match the pattern {pattern}"),
    "int_type": N_("must be a whole number"),
    "int_parsing": N_("must be a whole number"),
    "int_from_float": N_("must be a whole number"),
    "bool_type": N_("must be true or false"),
    "bool_parsing": N_("must be true or false"),
    "greater_than_equal": N_("must be at least {ge}"),
    "less_than_equal": N_("must be at most {le}"),
    "tuple_type": N_("must be a list"),
    "too_short": N_("must have {min_length} or more entries"),
    "too_long": N_("must not have more entries than {max_length}"),
    "string_too_long": N_("must have at most {max_length} characters"),
    "ip_v4_address": N_("must be an IPv4 address like 192.168.1.12"),
}


def _words(context: Mapping[str, Any]) -> dict[str, str]:
    words = {
        name: f"{value:g}" if isinstance(value, float) else str(value)
        for name, value in context.items()
    }
    if "expected" in words:
        # Pydantic joins the last two of a list with an English word.
        either = _("or")
        words["expected"] = words["expected"].replace(" or ", f" {either} ")
    return words


def _first(details: Sequence[Any]) -> Iterator[Any]:
    """The errors without those that only follow: a list is too short if an entry is wrong."""
    places = [detail["loc"] for detail in details]
    for detail in details:
        place = detail["loc"]
        if not any(len(each) > len(place) and each[: len(place)] == place for each in places):
            yield detail


def _keys(model: Any, place: Sequence[Any]) -> tuple[str, ...]:
    """The keys that the model has at a place; none if the place is not a model."""
    for part in place:
        if isinstance(model, type) and issubclass(model, BaseModel):
            field = model.model_fields.get(str(part))
            model = field.annotation if field else None
        else:
            # A list or a table: the type of its entries is the last argument but `...`.
            inner = [each for each in get_args(model) if each is not Ellipsis]
            model = inner[-1] if inner else None
    if isinstance(model, type) and issubclass(model, BaseModel):
        return tuple(model.model_fields)
    return tuple(getattr(model, "__dataclass_fields__", ()))


_TOML_PLACE = re.compile(r"\(at line (\d+), column (\d+)\)")
_TOML_TEXTS = (
    ("Invalid value", N_("not a value of TOML; text needs quotes")),
    ("Cannot overwrite a value", N_("this key occurs twice")),
    ("Expected '=' after a key", N_("a key needs = and a value")),
    ("Invalid hex value", N_(r"a backslash in text; write \\ or use single quotes")),
    ("Unescaped", N_(r"a backslash in text; write \\ or use single quotes")),
)


def _toml_mistake(said: str, file: str) -> str:
    found = _TOML_PLACE.search(said)
    text = next((_(text) for start, text in _TOML_TEXTS if said.startswith(start)), "")
    if found is None and said.startswith("Cannot overwrite"):
        return text
    if found is None:
        return _("the file ends too early: a bracket, a quote or a value is missing")
    line, column = int(found[1]), int(found[2])
    letter = "".join(file.split("\n")[line - 1 : line])[column - 1 : column]
    if not letter.isascii():
        text = _(
            '"{letter}" is not an ASCII character; type it without an input method', letter=letter
        )
    return _at(line, column, text or _("not valid TOML"))


_YAML_TEXTS = (
    (r"'\t' that cannot start", N_("a tab; indent with spaces")),
    (
        "mapping values are not allowed",
        N_("a colon in text, or a wrong indent; text may be quoted"),
    ),
    ("could not find expected ':'", N_("a colon is missing after the key")),
    ("expected <block end>", N_("the indent differs from the lines above")),
    ("occurs twice", N_("this key occurs twice")),
)


def _yaml_mistake(error: yaml.MarkedYAMLError) -> str:
    said = f"{error.context}\n{error.problem}"
    text = next((_(text) for words, text in _YAML_TEXTS if words in said), _("not valid YAML"))
    mark = error.problem_mark or error.context_mark
    return _at(mark.line + 1, mark.column + 1, text) if mark else text


def _at(line: object, column: object, text: str) -> str:
    return _("line {line}, column {column}: {text}", line=line, column=column, text=text)


class _Loader(yaml.SafeLoader):
    """YAML in which a key occurs once, and text like `24.04` or `2026-07-01` remains text."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key, _value in node.value:
            if isinstance(key, yaml.ScalarNode):
                if key.value in seen:
                    raise yaml.constructor.ConstructorError(
                        None, None, f"the key {key.value} occurs twice", key.start_mark
                    )
                seen.add(key.value)
        return super().construct_mapping(node, deep)


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in found if not tag.endswith((":timestamp", ":float"))]
    for first, found in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def parse_yaml(text: str) -> Any:
    """The data of a YAML document.

    Raises:
        yaml.YAMLError, ValueError, RecursionError: It is not valid; see `mistakes`.
    """
    # The loader builds dictionaries, lists, text, numbers and booleans only.
    return yaml.load(text, Loader=_Loader)
