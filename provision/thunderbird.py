"""「Thunderbird」: the book's mail client on the first host.

It is optional: with its fonts it is larger than the rest of the host, and apt needs the way out.
It appears on the reader's own screen, over `ssh -X`.
"""

from __future__ import annotations

from labctl.i18n import N_, _
from labctl.results import Change, Finding
from labctl.scripts import Script
from provision.facts import ask
from provision.step import Scene, Step, Target, packages_of

_NAME = "thunderbird"
_PROGRAMS = ("thunderbird", "xauth")
_WHICH = Script("provision", "programs.sh")


def wanted(scene: Scene) -> bool:
    """Whether this is the first host, and the lab file asks for it."""
    return _NAME in scene.lab.choices.extras and scene.host == scene.lab.mail_hosts[0]


def apply(target: Target) -> list[Change]:
    """Install Thunderbird, xauth and a Japanese font. The reader sets up the account."""
    return target.family.packages.install(target, packages_of(target).thunderbird)


def check(target: Target) -> list[Finding]:
    """The program is installed, and what `ssh -X` needs to show it."""
    facts = ask(target, _WHICH, *_PROGRAMS)
    return [
        Finding(
            code=f"thunderbird.{program}",
            ok=bool(facts[program]),
            what=_("program {name}", name=program),
            found=facts[program] or _("missing"),
            expected=_("installed"),
            hint=target.family.packages.hint,
            solution=target.family.packages.command(program),
        )
        for program in _PROGRAMS
    ]


STEP = Step(
    name=_NAME,
    section="Thunderbird",
    summary=N_("installs Thunderbird on the first host"),
    apply=apply,
    check=check,
    extra=True,
    wanted=wanted,
)
