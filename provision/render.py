"""The only place that renders Jinja2: a target path and a scene in, a whole file out.

A template lies where its file lies on the target, with `.j2` added.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from labctl import resources
from labctl.managed import ManagedFile
from provision.step import Scene

if TYPE_CHECKING:
    from jinja2 import Environment


@cache
def _environment() -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    # Configuration files, not HTML: nothing is to be escaped. The lab model admits no value
    # that could end a line or a quoted word.
    return Environment(
        loader=FileSystemLoader(resources.templates()),
        undefined=StrictUndefined,
        keep_trailing_newline=True,
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=False,
    )


def render(
    scene: Scene,
    path: str,
    *,
    template: str = "",
    mode: int = 0o644,
    group: str = "root",
    **values: object,
) -> ManagedFile:
    """The file `path` as it shall be on the scene's host.

    The template sees `lab`, `host`, `upstream`, `path` and `values`. `template` names one that
    lies elsewhere than its file (a zone file's name holds the domain). Raises
    jinja2.UndefinedError for a name the template uses and nobody gave.
    """
    text = (
        _environment()
        .get_template((template or path).lstrip("/") + ".j2")
        .render(lab=scene.lab, host=scene.host, upstream=scene.upstream, path=path, **values)
    )
    return ManagedFile(path, text, mode=mode, group=group)
