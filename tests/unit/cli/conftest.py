"""The program, run in the process of the tests, on a machine that a provider suits."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def _provider(a_provider: None) -> None:
    """Most commands choose a provider first."""
