"""What Vagrant's errors mean for the user: a table of messages, error types and hints."""

from __future__ import annotations

from labctl.providers.vagrant.box_meanings import BOX
from labctl.providers.vagrant.hypervisor_meanings import HYPERVISOR
from labctl.providers.vagrant.meaning import Meaning
from labctl.providers.vagrant.vagrant_meanings import VAGRANT

# The first match is used. Texts of VirtualBox and of downloads come before Vagrant's classes.
MEANINGS: tuple[Meaning, ...] = (*HYPERVISOR, *BOX, *VAGRANT)
