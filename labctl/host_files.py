"""The files that labctl writes to a host, without the host."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from labctl.errors import WrongUsage
from labctl.home import written_for_person
from labctl.i18n import _
from labctl.managed import ManagedFile
from provision.step import Scene
from provision.steps import steps_of


def files_of(scene: Scene, path: str | None = None) -> tuple[ManagedFile, ...]:
    """The files that the steps write to the scene's host, or only the one at `path`.

    Raises WrongUsage with the existing paths if no step writes `path`.
    """
    steps = (step for step in steps_of(scene.lab) if step.applies_to(scene))
    files = tuple(file for step in steps for file in step.files(scene))
    if path is None:
        return files
    chosen = tuple(file for file in files if file.path == path)
    if not chosen:
        raise WrongUsage(
            _("labctl does not manage the whole file {path}", path=path),
            hint=_("files: {names}", names=", ".join(file.path for file in files)),
        )
    return chosen


def write_below(folder: Path, files: Sequence[ManagedFile]) -> None:
    """Write the files below a folder, in the same layout as on the host.

    Raises WrongUsage if the folder is not writable.
    """
    with written_for_person(folder):
        for file in files:
            target = folder / file.path.lstrip("/")
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(file.content, encoding="utf-8", newline="\n")
