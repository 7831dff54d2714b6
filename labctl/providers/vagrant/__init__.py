"""The Vagrant provider: a lab's hosts are VirtualBox or libvirt machines."""

from labctl.providers.vagrant.provider import VagrantProvider

__all__ = ["VagrantProvider"]
