"""The embedded provider: a lab's hosts as systemd-nspawn containers on this machine."""

from labctl.providers.nspawn.provider import NspawnProvider

__all__ = ["NspawnProvider"]
