"""Labs as system containers on an Incus server or cluster, through the `incus` client."""

from labctl.providers.incus.provider import IncusProvider

__all__ = ["IncusProvider"]
