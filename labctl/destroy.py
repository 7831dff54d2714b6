"""Removing a lab by what is really there, even where its state file says nothing."""

from __future__ import annotations

import shutil

from labctl.errors import LabError
from labctl.home import LabHome, lab_home
from labctl.lab import DEFAULT_EDITION, Lab, load_edition, load_lab
from labctl.progress import Progress
from labctl.providers.choose import make_provider
from labctl.providers.registry import provider_class, provider_names
from labctl.session import open_session
from labctl.state import read_state


def destroy_lab(name: str, progress: Progress) -> None:
    """Removes hosts, network, checkpoints, keys and passwords of the lab; idempotent.

    Where state or lab file cannot be read or are gone, every provider that left traces is asked.
    """
    home = lab_home(name)
    try:
        session = open_session(name)
    except LabError:
        _by_traces(home, progress)
    else:
        if session.state is None:
            # What the lab was made with is forgotten: today's choice may be another provider.
            _by_traces(home, progress)
        session.provider.destroy(progress)
    shutil.rmtree(home.state, ignore_errors=True)


def _by_traces(home: LabHome, progress: Progress) -> None:
    lab = as_far_as_known(home)
    for name in provider_names():
        if any((home.state / trace).exists() for trace in provider_class(name).traces):
            make_provider(name, lab, home).destroy(progress)


def as_far_as_known(home: LabHome) -> Lab:
    """Names and addresses are enough to find the hosts; without a lab file, the default's."""
    try:
        state = read_state(home)
        return load_lab(home.name, state.lab_file if state is not None else None)
    except LabError:
        return Lab(name=home.name, edition=load_edition(DEFAULT_EDITION))
