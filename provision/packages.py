"""「Postfixのインストール」: the mail servers' packages, installed and not yet configured."""

from __future__ import annotations

from collections.abc import Sequence

from labctl.i18n import N_, _
from labctl.results import Change, Finding
from provision.apt import install_packages, missing_packages
from provision.step import Step, Target


def apply(target: Target) -> list[Change]:
    """Installs what is missing of the edition's mail packages and of labctl's own beside them."""
    return install_packages(target, target.lab.edition.packages.sets["mail"])


# Another package may give the same: what counts is the program.
_PROGRAMS = {"mailutils": "mail", "ufw": "nft"}


def check(target: Target) -> list[Finding]:
    """Each package is there, or another that gives its program."""
    names = target.lab.edition.packages.mail
    missing = missing_packages(target, names)
    programs = [_PROGRAMS[name] for name in missing if name in _PROGRAMS]
    have = _programs(target, programs) if programs else []
    return [_package(name, name not in missing or _PROGRAMS.get(name) in have) for name in names]


def _programs(target: Target, names: Sequence[str]) -> list[str]:
    text = 'for name do command -v "$name" >/dev/null && echo "$name"; done; :'
    return target.remote.script(text, *names).stdout.split()


def _package(name: str, is_there: bool) -> Finding:
    return Finding(
        code=f"packages.{name}",
        ok=is_there,
        what=_("package {name}", name=name),
        found=_("installed") if is_there else _("not installed"),
        expected=_("installed"),
        hint=_("dpkg -l shows what is installed. Is the package's name right for this system?"),
        solution=f"apt install {name}",
    )


STEP = Step(
    name="packages",
    section="Postfixのインストール",
    summary=N_("installs Postfix, Dovecot, saslauthd, mailutils and ufw"),
    apply=apply,
    check=check,
    packages="mail",
    checkpoint="packages",
)
