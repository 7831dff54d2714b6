"""A command line that Typer refuses, as an error of labctl: in the user's language, with a hint.

Typer's own texts are English only. Its exceptions are no public interface, so they are told
apart by what they carry; one that is unknown keeps Typer's text as the cause.
"""

from __future__ import annotations

import re
from enum import Enum
from typing import Any

from labctl.errors import LabError, WrongUsage
from labctl.hint import Hint, commands
from labctl.i18n import N_, _

_EXTRA = "Got unexpected extra argument(s)"
_FOLDER = re.compile(r"\S+ '(.+)' is a directory\.")


def refusal(error: Any) -> LabError:
    """The refused command line as WrongUsage, with the help of the command as the hint."""
    context = error.ctx
    command = context.command_path if context is not None else "labctl"
    message, cause = _said(error)
    return WrongUsage(message, cause=cause, hint=_hint(error, f"{command} --help"))


def _said(error: Any) -> tuple[str, str]:
    option = getattr(error, "option_name", None)
    kind = type(error).__name__
    if kind == "NoSuchOption":
        return _("there is no option {name}", name=option), ""
    if kind == "BadOptionUsage":
        needs = "does not take" not in error.message
        text = N_("{name} needs a value") if needs else N_("{name} takes no value")
        return _(text, name=option), ""
    if kind == "MissingParameter":
        return _("{name} is missing", name=_name(error)), ""
    if kind == "BadParameter":
        return _("wrong value for {name}", name=_name(error)), _allowed(error)
    if error.message.startswith(_EXTRA):
        words = error.message.removeprefix(_EXTRA).strip(" ()")
        return _("too many arguments: {words}", words=words), ""
    return _("labctl does not understand this command line"), error.format_message()


def _allowed(error: Any) -> str:
    """What the value may be: the names of a choice, or what the type says."""
    from labctl.mistakes import mistakes

    cause = error.__cause__
    if cause is None:
        if folder := _FOLDER.fullmatch(str(error.message)):
            return _("{path} is a folder, not a file", path=folder[1])
        return str(error.message)
    annotation = error.param.type_descriptor.annotation
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        value = cause.errors()[0]["input"]
        names = ", ".join(str(choice.value) for choice in annotation)
        return _("{value} is not one of: {names}", value=repr(value), names=names)
    return mistakes(cause)


def _name(error: Any) -> str:
    """The option as typed, or the argument as the help names it."""
    parameter = error.param
    if parameter is None:
        return str(error.param_hint or "")
    if parameter.param_type_name == "option":
        return str(parameter.opts[0])
    return str(parameter.metavar or parameter.name)


def _hint(error: Any, line: str) -> Hint:
    near = sorted(getattr(error, "possibilities", None) or ())
    if not near:
        return commands(line)
    return commands(line, text=_("similar options: {names}", names=", ".join(near)))


def unknown_command(word: str, near: list[str], path: str) -> WrongUsage:
    """No command of that name: `near` are the names like it, `path` is the group's command line."""
    hint = [f"{path} {name}" for name in near] or [f"{path} --help"]
    return WrongUsage(_("there is no command {name}", name=repr(word)), hint=commands(*hint))
