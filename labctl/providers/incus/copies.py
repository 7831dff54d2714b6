"""The lab that another one is copied from, and its stock on the members of a cluster.

On one member a copy shares its disk blocks with the model and takes no time. A copy on another
member is sent over the network as a whole. So it is made once and kept in the model's project,
stopped, and the labs on that member are copied from there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from filelock import FileLock

from labctl.errors import WrongState
from labctl.home import LabHome
from labctl.i18n import _
from labctl.progress import Progress
from labctl.providers.base import never_made
from labctl.providers.incus.book import Book, Saved, read_book, read_place
from labctl.providers.incus.client import Incus
from labctl.providers.incus.instances import Instances


@dataclass(frozen=True)
class Model:
    """A lab of labctl on the same server, at one of its checkpoints."""

    home: LabHome
    incus: Incus
    book: Book
    saved: Saved

    @property
    def checkpoints(self) -> tuple[Saved, ...]:
        """Those that `up` saved, as a copy has them."""
        return tuple(
            each.model_copy(update={"copied": True})
            for each in self.book.checkpoints
            if each.origin == "up"
        )

    def sources_on(
        self, member: str, names: Sequence[str], progress: Progress
    ) -> Mapping[str, str]:
        """The instances on a member to copy the hosts `names` from; makes the stock if need be."""
        if member == self.book.member:
            return {name: name for name in names}
        stock = {name: f"{name}-on-{_label(member)}" for name in names}
        # Several labs of a class are made at once.
        with FileLock(self.home.state / ".incus-stock.lock"):
            instances = Instances(self.incus, tuple(stock.values()))
            missing = [name for name in names if not self._is_whole(instances, stock[name])]
            if missing:
                progress("", _("copying the prepared lab to {member}", member=member))
                instances.remove(stock[name] for name in missing)
                for name in missing:
                    instances.copy({stock[name]: name}, self.incus.project, member)
        return stock

    def _is_whole(self, instances: Instances, name: str) -> bool:
        wanted = {each.snapshot for each in self.checkpoints}
        return wanted <= instances.snapshots_of(name)


def find_model(home: LabHome, checkpoint: str, remote: str) -> Model:
    """The lab in `home`, at a checkpoint.

    Raises:
        WrongState: The lab does not exist, is on another server, or has no such checkpoint.
    """
    place = read_place(home)
    if place is None:
        raise never_made(home.name)
    if place.remote != remote:
        raise WrongState(
            _("the lab {name} is on another Incus server", name=home.name),
            cause=f"{place.remote or 'local'} ≠ {remote or 'local'}",
        )
    incus = Incus(place.remote, place.project)
    book = read_book(incus)
    if book is None:
        raise never_made(home.name)
    saved = book.find(checkpoint)
    if saved is None or saved.origin != "up":
        raise WrongState(
            _(
                "the lab {name} has no checkpoint {checkpoint}",
                name=home.name,
                checkpoint=checkpoint,
            )
        )
    return Model(home, incus, book, saved.model_copy(update={"copied": True}))


def _label(member: str) -> str:
    """A member's name as a part of an instance's: letters, digits and hyphens."""
    return "".join(letter if letter.isalnum() else "-" for letter in member)[:40].strip("-")
