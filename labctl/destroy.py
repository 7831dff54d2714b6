"""Remove a lab by what really exists, even if its state file is gone."""

from __future__ import annotations

from labctl.errors import LabError
from labctl.home import LabHome, lab_home, remove_folder
from labctl.lab import DEFAULT_EDITION, Lab, load_edition
from labctl.progress import Progress
from labctl.providers.choose import make_provider
from labctl.providers.registry import provider_class, provider_names
from labctl.session import open_lab, open_session


def destroy_lab(name: str, progress: Progress) -> None:
    """Remove hosts, network, checkpoints, keys and passwords of the lab; idempotent.

    If the state or the lab file is gone or cannot be read, every provider that left traces
    removes what is its own.
    """
    home = lab_home(name)
    try:
        session = open_session(name)
    except LabError:
        _by_traces(home, progress)
    else:
        if session.state is None:
            # Nobody knows what made the lab: today's choice may be another provider.
            _by_traces(home, progress)
        session.provider.destroy(progress)
    remove_folder(home.state)


def _by_traces(home: LabHome, progress: Progress) -> None:
    lab = as_far_as_known(home)
    for name in provider_names():
        if any((home.state / trace).exists() for trace in provider_class(name).traces):
            make_provider(name, lab, home).destroy(progress)


def as_far_as_known(home: LabHome) -> Lab:
    """The lab as its files describe it; if they cannot be read, the default edition's.

    Names and addresses are enough to find the hosts.
    """
    try:
        return open_lab(home.name).lab
    except LabError:
        return Lab(name=home.name, edition=load_edition(DEFAULT_EDITION))
