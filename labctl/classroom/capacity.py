"""What a whole class needs of this machine."""

from __future__ import annotations

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
    name, checks = _checks(roll, machine)
    health = ProviderHealth(name, run_checks(checks, machine), ignored_keys(name, lab_of(roll)))
    return Health(machine.system, (health,))


def ensure_room(roll: Roll) -> None:
    """Run the quick checks. Raises MachineLacks with what mends the first thing that is lacking."""
    machine = ThisMachine()
    ensure(_checks(roll, machine)[1], machine)


def _checks(roll: Roll, machine: Machine) -> tuple[str, tuple[Check, ...]]:
    lab = lab_of(roll)
    choice = choose(None, lab, None, machine)
    provider = make_provider(choice.name, lab, lab_home(roll.model_name))
    if not isinstance(provider, Crowd):
        # The provider cannot add up what many labs need.
        return choice.name, provider.checks()
    # A server far away takes a moment to answer for each seat.
    states = on_seats(roll.seats, lambda seat, _progress: _runs(roll, seat), at_once=processors())
    running = sum(state.value is True for state in states)
    return choice.name, provider.checks_of_many(len(roll.seats), len(roll.seats) - running)


def _runs(roll: Roll, seat: Seat) -> bool:
    states = open_seat(roll, seat).provider.status().values()
    return all(state is HostState.RUNNING for state in states)
