"""「Postfixのインストール」: the mail servers' packages, installed and not yet configured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from labctl.i18n import N_, _
from labctl.results import Change, Finding
from labctl.scripts import Script
from provision.facts import ask
from provision.sasl_type import SASL_TYPE, asks_dovecot
from provision.step import Step, Target, packages_of


def apply(target: Target) -> list[Change]:
    """Install what is missing of the edition's mail packages and of labctl's own."""
    return target.family.packages.install(target, packages_of(target).sets["mail"])


# Another package may bring the same program, and the program counts.
_WHICH = Script("provision", "programs.sh")
_PROGRAMS = {"mailutils": "mail", "s-nail": "mail", "ufw": "nft", "firewalld": "nft"}


def check(target: Target) -> list[Finding]:
    """Each package is installed, or another one that brings its program."""
    names = packages_of(target).mail
    missing = target.family.packages.missing(target, names)
    programs = [_PROGRAMS[name] for name in missing if name in _PROGRAMS]
    have = _programs(target, programs) if programs else []
    of_cyrus = target.family.sasl.packages
    if of_cyrus & set(missing) and asks_dovecot(ask(target, SASL_TYPE)):
        missing = [name for name in missing if name not in of_cyrus]
    lacking = [each for each in missing if _PROGRAMS.get(each) not in have]
    halves = target.family.packages.unfinished(target, lacking) if lacking else []
    return [
        _half(target, name) if name in halves else _package(target, name, lacking) for name in names
    ]


def _programs(target: Target, names: Sequence[str]) -> list[str]:
    facts = ask(target, _WHICH, *names)
    return [name for name in names if facts[name]]


def _half(target: Target, name: str) -> Finding:
    """A package whose installation was interrupted."""
    return replace(
        _package(target, name, [name]),
        found=_("not configured"),
        solution=target.family.packages.finishing,
    )


def _package(target: Target, name: str, lacking: Sequence[str]) -> Finding:
    is_there = name not in lacking
    return Finding(
        code=f"packages.{name}",
        ok=is_there,
        what=_("package {name}", name=name),
        found=_("installed") if is_there else _("not installed"),
        expected=_("installed"),
        hint=target.family.packages.hint,
        solution=target.family.packages.command(name),
    )


STEP = Step(
    name="packages",
    section="Postfixのインストール",
    summary=N_("installs the packages of the mail server"),
    apply=apply,
    check=check,
    packages="mail",
    checkpoint="packages",
)
