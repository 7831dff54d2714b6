"""The provider most people have: the lab's hosts as VirtualBox machines, through Vagrant."""

from labctl.providers.vagrant.provider import VagrantProvider

__all__ = ["VagrantProvider"]
