"""What a whole class needs of this machine."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from labctl.classroom.roll import Roll, Seat, lab_of, open_seat
from labctl.classroom.work import on_seats, processors
from labctl.health import Health, ProviderHealth
from labctl.home import lab_home
from labctl.machine import Machine, ThisMachine
from labctl.providers.base import Crowd
from labctl.providers.checks import Check, ensure, run_checks
from labctl.providers.choose import choose, make_provider
from labctl.providers.settings import ignored_keys
from labctl.results import HostState


def examine_class(roll: Roll, machine: Machine) -> Health:
    """Run all checks for the labs of all seats together.

    Raises:
        MachineLacks: No provider suits this machine.
    """
    name, checks = _checks(roll, roll.seats, machine)
    health = ProviderHealth(name, run_checks(checks, machine), ignored_keys(name, lab_of(roll)))
    return Health(machine.system, (health,))


def ensure_room(roll: Roll, seats: Sequence[Seat]) -> None:
    """Run the quick checks for these seats, beside the seats that run already.

    Raises:
        MachineLacks: The first thing that is lacking, and what mends it.
    """
    machine = ThisMachine()
    ensure(_checks(roll, seats, machine)[1], machine)


def _checks(roll: Roll, seats: Collection[Seat], machine: Machine) -> tuple[str, tuple[Check, ...]]:
    lab = lab_of(roll)
    choice = choose(None, lab, None, machine)
    provider = make_provider(choice.name, lab, lab_home(roll.model_name))
    if not isinstance(provider, Crowd):
        # The provider cannot add up what many labs need.
        return choice.name, provider.checks()
    # A server far away takes a moment to answer for each seat.
    looks = on_seats(roll.seats, lambda seat, _progress: _states(roll, seat), at_once=processors())
    running = {look.seat for look in looks if look.value == {HostState.RUNNING}}
    # A seat that cannot be asked has a lab, and fails for itself.
    missing = {look.seat for look in looks if HostState.ABSENT in (look.value or ())}
    chosen = set(seats)
    return choice.name, provider.checks_of_many(
        len(running | chosen), len(chosen - running), len(chosen & missing)
    )


def _states(roll: Roll, seat: Seat) -> set[HostState]:
    return set(open_seat(roll, seat).provider.status().values())
