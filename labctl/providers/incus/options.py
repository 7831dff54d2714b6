"""What an edition and a lab file can say to Incus."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

from labctl.i18n import _
from labctl.providers.options import Memory, ProviderOptions
from labctl.providers.rootfs.mirror import Mirror

# What Incus takes for the names of remotes, pools, members and networks; none is an option.
_Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$")]
# A member's name, or @ and a group's.
_Target = Annotated[str, Field(pattern=r"^@?[A-Za-z0-9][A-Za-z0-9._-]{0,62}$")]


def _prefix(value: str) -> str:
    if value.startswith("-"):
        raise ValueError(_("must begin with a letter or a digit"))
    return value


class IncusOptions(ProviderOptions):
    """Where the lab is made, and how much one host may take.

    `remote` is a server as `incus remote list` names it; None for the client's own default.
    `target` is a cluster member or @GROUP; None for the member with the most free memory.
    `memory` is in MiB, `disk` in GiB, each of one host; `disk` is None for no limit. A change of
    these two and of `processes` makes no other lab: the next `up` sets them. `mirror` is for
    building the image.
    """

    remote: _Name | None = None
    project_prefix: Annotated[str, Field(pattern=r"^[a-z0-9-]{0,20}$"), AfterValidator(_prefix)] = (
        "labctl-"
    )
    target: _Target | None = None
    pool: _Name | None = None
    way_out: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,14}$")] = "labctl-out"
    mirror: Mirror | None = None
    memory: Annotated[Memory, Field(exclude=True)] = 1024
    processes: Annotated[int, Field(ge=100, le=100_000, exclude=True)] = 1000
    disk: Annotated[int | None, Field(ge=2, le=1024, exclude=True)] = None
