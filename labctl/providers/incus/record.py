"""What is kept of a lab: a place on this machine, and a record in the lab's project on the server.

The place says where to look, the record what is there. The record is in the project's own
configuration (`user.labctl.book`): one request replaces it as a whole. The key has the name that
the record once had.
"""

from __future__ import annotations

import hashlib
import platform
import uuid
from contextlib import suppress
from pathlib import Path

from pydantic import Field, ValidationError

from labctl.errors import WrongState
from labctl.hint import commands
from labctl.home import LabHome, write_atomically
from labctl.i18n import _
from labctl.providers.incus.client import Incus
from labctl.providers.record import Frozen, LabRecord, SavedCheckpoint
from labctl.state import read_kept

VERSION = 1
RECORD = "user.labctl.book"
OWNER = "user.labctl.owner"


class Place(Frozen):
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


class Saved(SavedCheckpoint):
    """A checkpoint: a snapshot of that name on every host, made of these layers.

    A `copied` one comes from another lab and has that lab's keys.
    """

    snapshot: str
    layers: tuple[str, ...]
    copied: bool = False


class Record(LabRecord[Saved]):
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
    first_ids: dict[str, int] = Field(default_factory=dict)
    restoring: Saved | None = None
    moving: str = ""


def place_file(home: LabHome) -> Path:
    return home.state / "incus.json"


def read_place(home: LabHome) -> Place | None:
    """The place; None if the lab was never made. Raises WrongState if it cannot be read."""
    return read_kept(place_file(home), Place, VERSION)


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


def read_record(incus: Incus) -> Record | None:
    """The record of the client's project; None before the lab is whole.

    Raises:
        NotThere: the server has no such project.
        WrongState: another version of labctl wrote the record.
    """
    text = incus.of("").get("projects", incus.project)["config"].get(RECORD)
    if text is None:
        return None
    try:
        record = Record.model_validate_json(text)
    except ValidationError as error:
        raise _unreadable(incus) from error
    if record.version != VERSION:
        raise _unreadable(incus)
    return record


def write_record(incus: Incus, record: Record) -> None:
    # Not by PATCH, which loses the project's other settings (6.0.4).
    server = incus.of("")
    server.command(
        "project", "set", server.name(incus.project), f"{RECORD}={record.model_dump_json()}"
    )


def _unreadable(incus: Incus) -> WrongState:
    return WrongState(
        _("the notes on the lab in the project {project} cannot be read", project=incus.project),
        cause=RECORD,
        hint=commands("labctl destroy", "labctl up"),
    )
