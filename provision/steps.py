"""The steps in the book's order."""

from __future__ import annotations

from provision.step import Step

STEPS: tuple[Step, ...] = ()
