"""The roll of a class: how many seats, what their labs are made from, who sits where.

It is one readable file, `class.toml`, which an instructor may edit. The labs of the seats are
ordinary labs called CLASS-s01, CLASS-s02 and so on, all with the same lab file.
"""

from __future__ import annotations

import json
import re
import tomllib
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from labctl.edition import Frozen
from labctl.errors import WrongState, WrongUsage
from labctl.hint import Command, Hint, commands
from labctl.home import state_folder, write_atomically
from labctl.i18n import _
from labctl.lab import LAB_FILE
from labctl.mistakes import mistakes

if TYPE_CHECKING:
    from labctl.lab import Lab
    from labctl.session import Session

CLASS_FILE = "class.toml"
VERSION = 1
MOST_SEATS = 500
# With `-model` behind it, the name of a lab stays within its 32 characters.
_CLASS_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,24}[a-z0-9])?")
_LABEL = re.compile(r"s[0-9]{2,3}")
_SEAT = re.compile(r"s?([0-9]{1,3})")
_SEATS = re.compile(r"s?([0-9]{1,3})-s?([0-9]{1,3})")


def person(text: str) -> str:
    """A student's name as it is kept: composed, without blanks around it.

    Raises:
        ValueError: It is too long or contains control characters.
    """
    name = unicodedata.normalize("NFC", text).strip()
    if len(name) > 80 or any(unicodedata.category(char) in ("Cc", "Cs") for char in name):
        raise ValueError(_("a name of at most 80 printable characters"))
    return name


class _File(Frozen):
    """The contents of class.toml."""

    version: Literal[1]
    seats: int = Field(ge=1, le=MOST_SEATS, strict=True)
    until: str | None = None
    lab: str = LAB_FILE
    students: dict[str, Annotated[str, AfterValidator(person)]] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _students_have_seats(self) -> Self:
        numbers = [_number(key) for key in self.students]
        for key, number in zip(self.students, numbers, strict=True):
            if number is None or not 1 <= number <= self.seats:
                raise ValueError(
                    f"students.{key}: "
                    + _("there is no such seat; seats: 1 to {last}", last=self.seats)
                )
            if numbers.count(number) > 1:
                raise ValueError(f"students.{key}: " + _("two students at one seat"))
        return self


def _number(key: str) -> int | None:
    found = _SEAT.fullmatch(key)
    return int(found[1]) if found else None


@dataclass(frozen=True)
class Seat:
    """One place in a class. `student` is the name of who sits there, or ""."""

    class_name: str
    number: int
    student: str = ""

    @property
    def label(self) -> str:
        """The seat as commands and the projector show it, like `s07`."""
        return f"s{self.number:02}"

    @property
    def lab_name(self) -> str:
        """The name of its lab."""
        return f"{self.class_name}-{self.label}"


@dataclass(frozen=True)
class Roll:
    """A class as its file describes it.

    `until` is the step or checkpoint at which the students begin; None for a complete lab.
    `lab_file` is the lab file of every seat.
    """

    name: str
    seats: tuple[Seat, ...]
    until: str | None
    lab_file: Path

    @property
    def folder(self) -> Path:
        """Where the class keeps its files. Only its owner may enter it."""
        return class_folder(self.name)

    @property
    def file(self) -> Path:
        return self.folder / CLASS_FILE

    @property
    def model_name(self) -> str:
        """The lab from which the labs of the seats are copied."""
        return f"{self.name}-model"

    def seat(self, number: int) -> Seat:
        """The seat of that number; raises WrongUsage if there is none."""
        if not 1 <= number <= len(self.seats):
            raise _no_seat(str(number), self)
        return self.seats[number - 1]

    def chosen(self, words: Sequence[str]) -> tuple[Seat, ...]:
        """The seats that a person named (`7`, `s07`, `3-5`), in order; all if none is named.

        Raises:
            WrongUsage: There is no such seat.
        """
        if not words:
            return self.seats
        numbers = {number for word in words for number in self._numbers(word)}
        return tuple(self.seat(number) for number in sorted(numbers))

    def _numbers(self, word: str) -> Iterable[int]:
        # The name of the lab of a seat, but not a range that begins like it.
        if _LABEL.fullmatch(label := word.removeprefix(f"{self.name}-")):
            word = label
        if found := _SEAT.fullmatch(word):
            return [int(found[1])]
        if (found := _SEATS.fullmatch(word)) and int(found[1]) <= int(found[2]) <= MOST_SEATS:
            return range(int(found[1]), int(found[2]) + 1)
        raise _no_seat(word, self)

    def command(self, *words: str) -> Command:
        """A command line `labctl class WORDS` for this class."""
        named = () if class_names() == [self.name] else ("--class", self.name)
        return ("labctl", "class", *words, *named)


def _no_seat(word: str, roll: Roll) -> WrongUsage:
    return WrongUsage(
        _("there is no seat {seat} in the class {name}", seat=word, name=roll.name),
        hint=_("seats: 1 to {last}; several: 1-{last}", last=len(roll.seats))
        if len(roll.seats) > 1
        else _("the class has only seat 1"),
    )


# -- files --------------------------------------------------------------------------------------


def class_folder(name: str) -> Path:
    """The folder of the class called `name`; raises WrongUsage for an invalid name."""
    if not _CLASS_NAME.fullmatch(name):
        raise WrongUsage(
            _("{name} is not a valid name of a class", name=repr(name)),
            hint=_("at most 26 lower-case letters, digits and hyphens"),
        )
    return _classes() / name


def class_names() -> list[str]:
    """The classes of this user on this machine."""
    return sorted(
        path.parent.name
        for path in _classes().glob(f"*/{CLASS_FILE}")
        if _CLASS_NAME.fullmatch(path.parent.name)
    )


def _classes() -> Path:
    return state_folder() / "classes"


def open_class(name: str | None = None) -> Roll:
    """Read the class called `name`, and take the language of its lab file.

    Args:
        name: None for the only class on this machine.

    Raises:
        WrongState: There is no such class.
        WrongUsage: There are several and none is named, or the file of the class is wrong.
    """
    roll = read_roll(name_of_class(name))
    lab_of(roll)
    return roll


def name_of_class(name: str | None) -> str:
    """The name of an existing class, by default of the only one; raises what open_class raises."""
    known = class_names()
    if name is None and len(known) > 1:
        raise WrongUsage(
            _("which class?"), hint=_("name it with --class: {names}", names=", ".join(known))
        )
    if name is None and known:
        return known[0]
    if name is None:
        raise WrongState(
            _("there is no class on this machine"),
            hint=commands("labctl class init NAME --seats 30"),
        )
    if name not in known:
        class_folder(name)
        raise WrongState(
            _("there is no class {name}", name=name),
            hint=Hint(
                _("classes: {names}", names=", ".join(known)) if known else "",
                (("labctl", "class", "init", name, "--seats", "30"),),
            ),
        )
    return name


def read_roll(name: str) -> Roll:
    """The class as its file describes it; raises WrongUsage with the file and the key."""
    path = class_folder(name) / CLASS_FILE
    text = ""
    try:
        # Windows' own editor begins a file with a byte order mark.
        text = path.read_text(encoding="utf-8-sig")
        found = _File.model_validate(tomllib.loads(text))
    except OSError as error:
        raise WrongUsage(
            _("the class file {path} cannot be read", path=path), cause=error.strerror or ""
        ) from error
    except (ValueError, RecursionError) as error:
        raise WrongUsage(
            _("wrong class file {path}", path=path),
            cause=mistakes(error, _File, text),
            hint=_("keys: {names}", names=", ".join(_File.model_fields)),
        ) from error
    names = {_number(key): student for key, student in found.students.items()}
    seats = [Seat(name, each, names.get(each, "")) for each in range(1, found.seats + 1)]
    return Roll(name, tuple(seats), found.until, path.parent / found.lab)


def write_roll(roll: Roll) -> None:
    """Write the class's file atomically, readable by its owner only."""
    roll.folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    roll.folder.mkdir(mode=0o700, exist_ok=True)
    write_atomically(roll.file, _toml(roll), mode=0o600)


def _toml(roll: Roll) -> str:
    own = roll.folder / LAB_FILE
    lab = LAB_FILE if roll.lab_file == own else str(roll.lab_file)
    lines = [
        f"# The class {roll.name}. You may edit this file.",
        f"version = {VERSION}",
        "",
        f"seats = {len(roll.seats)}",
        "# The step or checkpoint at which the students begin.",
        f"until = {quoted(roll.until)}" if roll.until else '# until = "dns"',
        "# The lab file of every seat.",
        f"lab = {quoted(lab)}",
        "",
        "# The seat's number, and who sits there.",
        "[students]",
        *(f"{seat.number} = {quoted(seat.student)}" for seat in roll.seats if seat.student),
    ]
    return "\n".join(lines) + "\n"


def quoted(text: str) -> str:
    """A basic string of TOML. It has the escapes of JSON."""
    return json.dumps(text, ensure_ascii=False)


# -- the labs of the seats ----------------------------------------------------------------------


def lab_of(roll: Roll) -> Lab:
    """The lab that every seat has, under the class's name; takes the language of its lab file.

    Raises:
        WrongUsage: The lab file, its edition or `until` is wrong.
    """
    from labctl.engine import steps_until
    from labctl.session import checked_lab

    try:
        lab = checked_lab(roll.name, roll.lab_file)
    except WrongUsage as error:
        if offers_destroy(error.hint):
            text = _(
                "restore the file, or name another one in {file}; or remove the labs or the class",
                file=roll.file,
            )
            error.hint = Hint(text, (roll.command("destroy"), roll.command("end")))
        raise
    try:
        steps_until(roll.until, lab)
    except WrongUsage as error:
        raise WrongUsage(
            _("wrong class file {path}", path=roll.file),
            cause=f"until: {error.message}",
            hint=error.hint,
        ) from error
    return lab


def offers_destroy(hint: Hint) -> bool:
    """Whether a hint names `labctl destroy`, which would remove a lab that is not of the class."""
    return ("labctl", "destroy") in hint.commands


def open_seat(roll: Roll, seat: Seat) -> Session:
    """The lab of a seat, opened as any other lab; raises what open_session raises."""
    from labctl.session import open_session

    return open_session(seat.lab_name, roll.lab_file)
