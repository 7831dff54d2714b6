"""The nspawn provider: a lab's hosts are systemd-nspawn containers on this machine."""

from labctl.providers.nspawn.provider import NspawnProvider

__all__ = ["NspawnProvider"]
