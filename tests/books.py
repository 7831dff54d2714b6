"""The lab of the default edition, for tests that need the book's steps and no hosts."""

from __future__ import annotations

from labctl.lab import DEFAULT_EDITION, Lab, load_edition

LAB = Lab(name="lab", edition=load_edition(DEFAULT_EDITION))
