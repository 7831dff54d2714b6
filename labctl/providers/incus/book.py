"""What is kept of a lab: a place on this machine, and a book in the lab's project on the server.

The place says where to look, the book what is there. The book is in the project's own
configuration (`user.labctl.book`): one request replaces it as a whole.
"""

from __future__ import annotations

import hashlib
import platform
import uuid
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from labctl.errors import WrongState
from labctl.hint import commands
from labctl.home import LabHome, write_atomically
from labctl.i18n import _
from labctl.providers.incus.client import Incus
from labctl.state import read_kept

VERSION = 1
BOOK = "user.labctl.book"
OWNER = "user.labctl.owner"


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True)


class Place(_Frozen):
    """Where a lab is: kept in the lab's state folder before anything is made on the server.

    `member` is the cluster member with the hosts, "" without a cluster. `release` is the code name
    of the hosts' Debian, "" if it is not known. `resolvers` are the name servers that the hosts
    can ask. `owner` is what the lab's project on the server carries, see `owner_of`.
    """

    version: int = VERSION
    remote: str
    project: str
    member: str = ""
    release: str = ""
    resolvers: tuple[str, ...] = ()
    owner: str = ""


class Saved(_Frozen):
    """A checkpoint: a snapshot of that name on every host, made of these layers.

    A `copied` one comes from another lab and has that lab's keys.
    """

    name: str
    created: str
    origin: str
    snapshot: str
    layers: tuple[str, ...]
    copied: bool = False


class Book(_Frozen):
    """One lab on the server.

    `layers` are the image and the package sets that the hosts were made of, `first_ids` the first
    user id of each host on the server. `restoring` is a checkpoint that the hosts are being put
    back to, `moving` a member that they are being moved to: written before the first host is
    changed, removed after the last one.
    """

    version: int = VERSION
    network: str
    pool: str
    member: str = ""
    layers: tuple[str, ...] = ()
    first_ids: dict[str, int] = {}
    net_open: bool = True
    checkpoints: tuple[Saved, ...] = ()
    restoring: Saved | None = None
    moving: str = ""

    def find(self, name: str) -> Saved | None:
        return next((saved for saved in self.checkpoints if saved.name == name), None)

    def with_checkpoint(self, saved: Saved) -> Book:
        book = self.without_checkpoint(saved.name)
        return book.model_copy(update={"checkpoints": (*book.checkpoints, saved)})

    def without_checkpoint(self, name: str) -> Book:
        others = tuple(saved for saved in self.checkpoints if saved.name != name)
        return self.model_copy(update={"checkpoints": others})


def place_file(home: LabHome) -> Path:
    return home.state / "incus.json"


def read_place(home: LabHome) -> Place | None:
    """The place; None if the lab was never made. Raises WrongState if it cannot be read."""
    return read_kept(place_file(home), Place, VERSION, home.name)


def write_place(home: LabHome, place: Place) -> None:
    write_atomically(place_file(home), place.model_dump_json(indent=1))


def owner_of(home: LabHome) -> str:
    """Who made a project: this lab's folder on this machine. Survives the folder's removal.

    The laptops of a school may all have the same name, so the machine's id is a part of it.
    """
    place = None
    with suppress(WrongState):
        place = read_place(home)
    if place is not None and place.owner:
        return place.owner
    text = f"{platform.node()}:{_machine_id()}:{home.state}"
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _machine_id() -> str:
    """machine-id(5), or the address of a network interface on systems that have no such file."""
    try:
        return Path("/etc/machine-id").read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        return f"{uuid.getnode():012x}"


def read_book(incus: Incus) -> Book | None:
    """The book of the client's project; None before the lab is whole.

    Raises:
        NotThere: the server has no such project.
        WrongState: another version of labctl wrote the book.
    """
    text = incus.of("").get("projects", incus.project)["config"].get(BOOK)
    if text is None:
        return None
    try:
        book = Book.model_validate_json(text)
    except ValidationError as error:
        raise _unreadable(incus) from error
    if book.version != VERSION:
        raise _unreadable(incus)
    return book


def write_book(incus: Incus, book: Book) -> None:
    # Not by PATCH, which loses the project's other settings (6.0.4).
    server = incus.of("")
    server.command("project", "set", server.name(incus.project), f"{BOOK}={book.model_dump_json()}")


def _unreadable(incus: Incus) -> WrongState:
    return WrongState(
        _("the notes on the lab in the project {project} cannot be read", project=incus.project),
        cause=BOOK,
        hint=commands("labctl destroy", "labctl up"),
    )


def now() -> str:
    """The time, ISO 8601 with offset, to the second."""
    return datetime.now().astimezone().isoformat(timespec="seconds")
