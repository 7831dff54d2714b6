"""The project of a lab on the server: everything of the lab is in it, and nothing else.

The project carries the lab's owner, so that `destroy` finds it again under any name and leaves
the project of another lab alone.
"""

from __future__ import annotations

from labctl.errors import WrongState
from labctl.i18n import _
from labctl.providers.incus.client import Incus
from labctl.providers.incus.record import OWNER
from labctl.providers.incus.refusals import NotThere

_FEATURES = {
    # Images and package sets are shared by all labs, and so are the networks' names.
    "features.images": "false",
    "features.networks": "false",
    "features.storage.volumes": "false",
    "features.storage.buckets": "false",
    "features.profiles": "true",
}


def claim_project(incus: Incus, owner: str) -> None:
    """The lab's project, new or left by a killed labctl; WrongState if it is another's."""
    server, project = incus.of(""), incus.project
    try:
        found = server.get("projects", project)["config"].get(OWNER)
    except NotThere:
        config = {**_FEATURES, OWNER: owner}
        server.send("POST", "projects", data={"name": project, "config": config})
        return
    if found != owner:
        raise WrongState(
            _("the project {project} is not this lab's", project=project),
            cause=_("somebody else made it, or this lab's folder was moved"),
            hint=_("set project_prefix in labctl.toml, or take another --name"),
        )


def is_of_another(incus: Incus, owner: str) -> bool:
    """Whether the project of the lab's name exists and belongs to another lab."""
    try:
        return bool(incus.of("").get("projects", incus.project)["config"].get(OWNER) != owner)
    except NotThere:
        return False


def own_projects(incus: Incus, owner: str) -> list[str]:
    """The lab's project, also if somebody renamed it."""
    found = incus.of("").get("projects", query={"recursion": "1"})
    return [each["name"] for each in found if each["config"].get(OWNER) == owner]
