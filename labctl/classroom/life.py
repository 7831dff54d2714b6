"""The life of a class: made as data, brought up, stopped, removed, ended."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from labctl.classroom.roll import (
    Roll,
    Seat,
    class_folder,
    class_names,
    lab_of,
    name_of_class,
    offers_destroy,
    open_seat,
    quoted,
    read_roll,
    write_roll,
)
from labctl.classroom.work import of_machine
from labctl.copies import bring_up_like
from labctl.destroy import as_far_as_known, destroy_lab
from labctl.edition_files import DEFAULT_EDITION, edition_file, is_path
from labctl.engine import bring_up, steps_until
from labctl.errors import LabError, WrongState, WrongUsage
from labctl.hint import Hint
from labctl.home import lab_home, lab_names, remove_folder, write_atomically
from labctl.i18n import _, language
from labctl.lab import LAB_FILE
from labctl.lock import locked
from labctl.progress import Progress, silent
from labctl.providers.choose import make_provider
from labctl.providers.settings import server_provider
from labctl.session import Session, checked_lab, open_session
from labctl.state import read_state
from provision.step import WHOLE


def make_class(
    name: str,
    seats: int,
    students: Mapping[int, str],
    *,
    edition: str | None = None,
    lab_file: Path | None = None,
    until: str | None = None,
    remote: str | None = None,
) -> Roll:
    """Write the files of a new class. Nothing is built.

    Without `lab_file`, a lab file is made with `edition`, `remote` and the language of this
    process. The same call again changes nothing.

    Args:
        remote: The server or cluster for the labs, None for this machine.

    Raises:
        WrongUsage: A name, the edition, the lab file or `until` is wrong.
        WrongState: There is another class, or a lab, of that name.
    """
    places = tuple(Seat(name, each, students.get(each, "")) for each in range(1, seats + 1))
    own = class_folder(name) / LAB_FILE
    roll = Roll(name, places, until, lab_file.absolute() if lab_file else own)
    text = _lab_file(edition, remote) if lab_file is None else None
    is_same = name in class_names() and read_roll(name) == roll
    if is_same and (text is None or own.read_text("utf-8") == text):
        return roll
    _ensure_free(roll)
    _write_class(roll, own, text)
    return roll


def _ensure_free(roll: Roll) -> None:
    """Raise WrongState if there is a class, or a lab, of that name."""
    if roll.name in class_names():
        raise WrongState(
            _("there is already a class {name}", name=roll.name),
            hint=Hint(
                _("edit {file}, or remove the class first", file=roll.file),
                (roll.command("end"),),
            ),
        )
    if labs := labs_of(roll.name):
        raise WrongState(
            _("there are labs that the class would take over"),
            cause=", ".join(labs),
            hint=Hint("", tuple(("labctl", "destroy", "--name", each) for each in labs)),
        )


def _write_class(roll: Roll, own: Path, text: str | None) -> None:
    """Write the files of a class, or none if what they say is wrong.

    Args:
        own: The class's own lab file.
        text: What is written into it; None if the class uses a file of the person.
    """
    folder = class_folder(roll.name)
    folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.mkdir(mode=0o700, exist_ok=True)
    try:
        if text is not None:
            write_atomically(own, text, mode=0o600)
        # Not lab_of, which would blame the class's file for what the person typed.
        steps_until(roll.until, checked_lab(roll.name, roll.lab_file))
        write_roll(roll)
    except WrongUsage as error:
        if text is not None:
            own.unlink(missing_ok=True)
        with suppress(OSError):
            folder.rmdir()
        if offers_destroy(error.hint):
            error.hint = Hint(_("name another file with --lab"))
        raise


def _lab_file(edition: str | None, remote: str | None) -> str:
    # An edition of one's own is a path from here; the lab file is in another folder.
    chosen = edition or DEFAULT_EDITION
    path = edition_file(chosen, Path.cwd())
    named = str(path.absolute()) if is_path(chosen) else chosen
    text = f'edition = {quoted(named)}\nlang = "{language()}"\n'
    if remote is None:
        return text
    provider, option = server_provider()
    return f"{text}provider = {quoted(provider)}\n{option} = {quoted(remote)}\n"


def labs_of(name: str) -> list[str]:
    """The labs of seats, and the model, that exist of the class called `name`."""
    ours = re.compile(re.escape(name) + r"-(s[0-9]{2,3}|model)")
    return [lab for lab in lab_names() if ours.fullmatch(lab)]


# -- up -----------------------------------------------------------------------------------------


def prepare_model(roll: Roll, progress: Progress) -> Session:
    """Build the whole lab once, with a checkpoint after each section, and stop it.

    The labs of the seats are copied from it. Idempotent.
    """
    session = open_session(roll.model_name, roll.lab_file)
    with locked(session.home):
        if session.state is None or session.state.complete != WHOLE:
            bring_up(session, progress, every=True)
        # Nothing is lost: all that seats are made from is saved in its checkpoints.
        session.provider.cut_power([host.name for host in session.lab.hosts])
        session.provider.halt()
    return open_session(roll.model_name, roll.lab_file)


def bring_up_seat(roll: Roll, seat: Seat, model: Session, progress: Progress) -> str:
    """Make the lab of a seat, or start it. Its work stays. Returns where its last `up` ended."""
    session = open_seat(roll, seat)
    with locked(session.home):
        bring_up_like(session, model, progress, roll.until)
    state = open_seat(roll, seat).state
    return state.complete if state is not None else ""


# -- down ---------------------------------------------------------------------------------------


def halt_seat(roll: Roll, seat: Seat, progress: Progress) -> bool:
    """Stop the hosts of a seat. Returns False if there are none.

    If the class's lab file is gone or wrong, the hosts are found by the lab's own files.
    """
    home = lab_home(seat.lab_name)
    if (state := read_state(home)) is None:
        return False
    try:
        provider = open_seat(roll, seat).provider
    except WrongUsage:
        provider = make_provider(state.provider, as_far_as_known(home), home)
    with locked(home):
        provider.halt(progress)
    return True


def destroy_seat(seat: Seat, progress: Progress) -> bool:
    """Remove the lab of a seat. Returns False if there was none."""
    return _destroy(seat.lab_name, progress)


def _destroy(lab: str, progress: Progress) -> bool:
    home = lab_home(lab)
    # Another labctl may be making it just now.
    with locked(home, removes=True):
        existed = home.state.exists()
        if existed:
            destroy_lab(lab, progress)
    return existed


@dataclass(frozen=True)
class ModelRemoved:
    """What came of the removal of the model, the lab called `lab`: the error, if it failed."""

    lab: str
    error: LabError | None = None


def destroy_model(roll: Roll) -> ModelRemoved:
    """Remove the model of the class. Does not raise, so that the seats can be told too."""
    try:
        _destroy(roll.model_name, silent)
    except LabError as error:
        return ModelRemoved(roll.model_name, error)
    except OSError as error:
        return ModelRemoved(roll.model_name, of_machine(error))
    return ModelRemoved(roll.model_name)


def class_to_remove(name: str | None = None) -> Roll:
    """The class called `name`, as far as it is needed to stop or remove its labs.

    Its lab file may be gone or wrong. If the class's own file is wrong, the seats are those with
    a lab.

    Raises:
        WrongState: There is no such class.
        WrongUsage: There are several and none is named.
    """
    name = name_of_class(name)
    try:
        roll = read_roll(name)
    except WrongUsage:
        seats = tuple(Seat(name, each) for each in range(1, max(_numbers(name), default=1) + 1))
        roll = Roll(name, seats, None, class_folder(name) / LAB_FILE)
    # Only for the language of the lab file.
    with suppress(LabError):
        lab_of(roll)
    return roll


def seats_to_destroy(roll: Roll) -> tuple[Seat, ...]:
    """The seats of the class, and those that it had before its file was changed."""
    extra = sorted(_numbers(roll.name) - {seat.number for seat in roll.seats})
    return (*roll.seats, *(Seat(roll.name, number) for number in extra))


def _numbers(name: str) -> set[int]:
    """The numbers of the seats that have a lab."""
    prefix = f"{name}-s"
    return {int(lab.removeprefix(prefix)) for lab in labs_of(name) if lab.startswith(prefix)}


def forget_names(roll: Roll) -> Roll:
    """Remove the names of students from the class's file. Returns the class without names."""
    nameless = replace(roll, seats=tuple(replace(seat, student="") for seat in roll.seats))
    try:
        is_written = read_roll(roll.name) == nameless
    except WrongUsage:
        # A file that cannot be read may contain names, too.
        is_written = False
    if not is_written:
        write_roll(nameless)
    return nameless


def remove_class(roll: Roll) -> None:
    """Remove everything that is kept of the class, after its labs are gone."""
    remove_folder(roll.folder)
