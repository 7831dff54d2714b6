"""The lab that other labs are copied from, its model, and its stock.

The stock are stopped copies of the model's hosts in the model's project, a pair on every cluster
member that needs one. On one member a copy shares its disk blocks with the original and takes no
time; a copy on another member is sent over the network as a whole, so it is sent once. The
checkpoints of the stock have no network interfaces: Incus cannot restore a snapshot whose network
was deleted, and a copy must outlive its model.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from filelock import FileLock

from labctl.errors import WrongState
from labctl.home import LabHome
from labctl.i18n import _
from labctl.progress import Progress
from labctl.providers.base import never_made, no_checkpoint_to_copy
from labctl.providers.incus.client import Incus
from labctl.providers.incus.instances import Instances
from labctl.providers.incus.record import Record, Saved, read_place, read_record
from labctl.providers.incus.snapshots import Snapshots

# The checkpoints of a complete stock.
_MARK = "user.labctl.stock"


@dataclass(frozen=True)
class Model:
    """A lab of labctl on the same server, at one of its checkpoints."""

    home: LabHome
    incus: Incus
    record: Record
    saved: Saved

    @property
    def checkpoints(self) -> tuple[Saved, ...]:
        """Those that `up` saved, as a copy has them."""
        return tuple(
            each.model_copy(update={"copied": True})
            for each in self.record.checkpoints
            if each.origin == "up"
        )

    def sources_on(
        self, member: str, names: Sequence[str], progress: Progress
    ) -> Mapping[str, str]:
        """The instances on a member to copy the hosts `names` from; makes the stock if need be.

        Args:
            member: a cluster member, "" without a cluster.
        """
        # Several labs of a class are made at once.
        with FileLock(self.home.state / ".incus-stock.lock"):
            first = self._stock(self.record.member, names)
            if not self._is_whole(first):
                progress("", _("preparing lab {name} for copies", name=self.home.name))
                self._fill(first)
            stock = self._stock(member, names)
            if not self._is_whole(stock):
                progress("", _("copying the prepared lab to {member}", member=member))
                instances = self._instances(stock)
                instances.remove(stock.values())
                sources = {stock[name]: first[name] for name in names}
                instances.copy(sources, self.incus.project, member)
        return stock

    @staticmethod
    def _stock(member: str, names: Sequence[str]) -> dict[str, str]:
        ending = f"on-{_label(member)}" if member else "stock"
        return {name: f"{name}-{ending}" for name in names}

    def _instances(self, stock: Mapping[str, str]) -> Instances:
        return Instances(self.incus, tuple(stock.values()))

    @property
    def _mark(self) -> str:
        return ",".join(each.snapshot for each in self.checkpoints)

    def _is_whole(self, stock: Mapping[str, str]) -> bool:
        return all(
            self._instances(stock).setting(name, _MARK) == self._mark for name in stock.values()
        )

    def _fill(self, stock: Mapping[str, str]) -> None:
        instances = self._instances(stock)
        snapshots = Snapshots(self.incus, instances.names)
        instances.remove(stock.values())
        sources = {copy: name for name, copy in stock.items()}
        instances.copy(sources, self.incus.project, self.record.member)
        for saved in self.checkpoints:
            snapshots.restore(saved.snapshot)
            instances.unplug()
            snapshots.take_again(saved.snapshot)
        snapshots.sweep(each.snapshot for each in self.checkpoints)
        # Last: the stock of a killed labctl is made again.
        instances.write_setting(_MARK, self._mark)


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
    record = read_record(incus)
    if record is None:
        raise never_made(home.name)
    saved = record.find(checkpoint)
    if saved is None or saved.origin != "up":
        raise no_checkpoint_to_copy(home.name, checkpoint)
    return Model(home, incus, record, saved.model_copy(update={"copied": True}))


def _label(member: str) -> str:
    """A member's name as a part of an instance's: letters, digits and hyphens."""
    return "".join(letter if letter.isalnum() else "-" for letter in member)[:40].strip("-")
