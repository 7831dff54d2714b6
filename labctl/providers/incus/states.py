"""What the server says about the hosts of a lab, and whether the lab can be used with that.

A lab is not usable if somebody renamed a host, or if the cluster member with the lab is down.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress

from labctl.errors import MachineLacks, WrongState
from labctl.hint import commands
from labctl.home import LabHome
from labctl.i18n import _
from labctl.providers.incus.client import PATIENCE, Incus
from labctl.providers.incus.instances import Instances
from labctl.providers.incus.record import read_place
from labctl.providers.incus.refusals import NotThere

_USABLE = ("Running", "Stopped", "Frozen")


class States:
    """The states of a lab's hosts on the server."""

    def __init__(self, incus: Incus, instances: Instances, home: LabHome) -> None:
        self._incus = incus
        self._instances = instances
        self._home = home

    def read(self, patience: float = PATIENCE) -> dict[str, str]:
        """Incus's word for the state of each instance.

        Args:
            patience: seconds to wait for the answer.

        Raises:
            NotThere: there is no such project.
            MachineLacks: the server, or the cluster member with the lab, does not answer in time.
        """
        place = read_place(self._home)
        member = place.member if place is not None else ""
        if not member:
            return self._instances.states(patience)
        try:
            states = self._instances.states(patience)
        except MachineLacks as error:
            raise self._silent(member, error.cause) from error
        if any(states.get(name) == "Error" for name in self._instances.names):
            raise self._silent(member, "")
        return states

    def _silent(self, member: str, cause: str) -> MachineLacks:
        return MachineLacks(
            _("the cluster member {member} with this lab does not answer", member=member),
            cause=cause,
            hint=commands(self._incus.server.member_list),
        )

    def running(self) -> list[str]:
        """The names of the hosts that run; none if there is no such project."""
        with suppress(NotThere):
            states = self.read()
            return [name for name in self._instances.names if states.get(name) == "Running"]
        return []

    def ensure_there(self, states: Mapping[str, str]) -> None:
        """Raise WrongState if a host is missing, or is in a state that labctl cannot change."""
        absent = [name for name in self._instances.names if name not in states]
        if absent:
            raise WrongState(
                _(
                    "the Incus server no longer has these hosts of the lab: {hosts}",
                    hosts=", ".join(absent),
                ),
                cause=_(
                    "in the project {project}: {names}",
                    project=self._incus.project,
                    names=", ".join(states),
                ),
                hint=commands(
                    "labctl destroy",
                    "labctl up",
                    text=_(
                        "if somebody renamed it, give it back its name; else make the lab again"
                    ),
                ),
            )
        wrong = {n: s for n, s in states.items() if n in self._instances.names and s not in _USABLE}
        if wrong:
            raise WrongState(
                _("a host of the lab cannot be used"),
                cause=", ".join(f"{name}: {state}" for name, state in wrong.items()),
                hint=commands(
                    f"incus list {self._incus.name()} --project {self._incus.project}",
                    text=_("the member that it is on may be down"),
                ),
            )
