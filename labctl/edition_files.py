"""The files of editions: finding one by its name or path, and reading it.

labctl carries one YAML file per edition (labctl/editions/*.yaml). A lab file may name another
file, which is read and checked in the same way.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import yaml

from labctl import resources
from labctl.edition import Edition
from labctl.errors import WrongUsage
from labctl.hint import commands
from labctl.i18n import _
from labctl.mistakes import mistakes, parse_yaml

DEFAULT_EDITION = "ubuntu-example"


def editions() -> list[str]:
    """The names of the editions labctl carries."""
    return sorted(path.stem for path in resources.editions().glob("*.yaml"))


def edition_file(name: str, folder: Path) -> Path:
    """The file of an edition: labctl's own by its name, or a user's by its path.

    Args:
        folder: What a relative path is relative to.

    Raises:
        WrongUsage: labctl has no edition of that name, or there is no such file.
    """
    hint = _("editions: {names}, or a file: ./my-school.yaml", names=", ".join(editions()))
    if is_path(name):
        path = (folder / Path(name).expanduser()).resolve()
        if path.is_dir():
            raise WrongUsage(_("{path} is a folder, not an edition file", path=path), hint=hint)
        if not path.exists():
            raise WrongUsage(_("there is no edition file {path}", path=path), hint=hint)
        return path
    if name not in editions():
        raise WrongUsage(_("there is no edition {name}", name=repr(name)), hint=hint)
    return resources.editions() / f"{name}.yaml"


def is_path(name: str) -> bool:
    """Whether an edition is named by a file: the name has a slash or ends in .yaml."""
    return "/" in name or "\\" in name or name.endswith((".yaml", ".yml"))


def load_edition(name: str, folder: Path | None = None) -> Edition:
    """Read an edition by its name, or by the path of a user's own file.

    Raises:
        WrongUsage: There is no such edition, or the file is wrong; it names the file, the key
            and what is allowed.
    """
    path = edition_file(name, folder or Path.cwd())
    try:
        # Windows' own editor begins a file with a byte order mark.
        return _edition(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise WrongUsage(
            _("the edition file {path} cannot be read", path=path), cause=error.strerror or ""
        ) from error
    except (ValueError, RecursionError, yaml.YAMLError) as error:
        # Not only YAMLError: Python itself reads numbers.
        raise wrong_edition(path, mistakes(error, Edition)) from error


@lru_cache(maxsize=8)
def _edition(text: str) -> Edition:
    """The edition that a file describes. A class opens one lab after the other with the same."""
    return Edition.model_validate(parse_yaml(text))


def wrong_edition(path: Path, cause: str) -> WrongUsage:
    """The error for an edition's file that says something impossible."""
    return WrongUsage(
        _("wrong edition {path}", path=path),
        cause=cause,
        hint=commands(
            f"labctl editions --show {DEFAULT_EDITION}", text=_("an edition to compare it with")
        ),
    )
