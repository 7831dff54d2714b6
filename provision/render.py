"""The hosts' configuration files from templates: a path and a scene in, a whole file out.

A template has the path of its file on the host, with `.j2` added.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from labctl import resources
from labctl.managed import Deviation, ManagedFile
from provision.deviations import DEVIATIONS, lines
from provision.step import Scene

if TYPE_CHECKING:
    from jinja2 import Environment


@cache
def _environment() -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    # These are configuration files and not HTML, so nothing is escaped. The lab model accepts no
    # value that could end a line or a quoted word.
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
    """The file `path` as the scene's host should have it.

    The template sees `lab`, `host`, `upstream`, `family`, `path`, `values` and `deviates`, which
    explains a deviation (see provision.deviations) in a comment. `template` is the
    path of the template if it is another one (the name of a zone file has the domain in it).

    Raises:
        jinja2.UndefinedError: the template uses a name that nobody gave.
    """
    found: list[Deviation] = []

    def deviates(name: str, comment: str) -> str:
        known = DEVIATIONS[name]
        names = {"host": scene.host, "parent": scene.lab.edition.parent}
        found.append(Deviation(en=known.en.format(**names), ja=known.ja.format(**names)))
        return lines(found[-1], comment)

    text = (
        _environment()
        .get_template((template or path).lstrip("/") + ".j2")
        .render(
            lab=scene.lab,
            host=scene.host,
            upstream=scene.upstream,
            family=scene.family,
            path=path,
            deviates=deviates,
            **values,
        )
    )
    return ManagedFile(path, text, mode=mode, group=group, deviations=tuple(found))
