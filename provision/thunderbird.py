"""「Thunderbird」: the book's mail client on the first host, for who follows it to the letter.

Optional: with its fonts it is larger than the rest of the host, and needs a way out for apt.
It is shown on the reader's own screen, over `ssh -X`.
"""

from __future__ import annotations

from labctl.i18n import N_, _
from labctl.results import Change, Finding
from provision.apt import install_packages
from provision.facts import ask
from provision.step import Scene, Step, Target

_NAME = "thunderbird"


def wanted(scene: Scene) -> bool:
    """On the first host, where the lab file asks for it."""
    return _NAME in scene.lab.choices.extras and scene.host == scene.lab.mail_hosts[0]


def apply(target: Target) -> list[Change]:
    """Installs Thunderbird, xauth and a Japanese font; the account is left to the reader."""
    return install_packages(target, target.lab.edition.packages.thunderbird)


_ASK = r"""
say program command -v thunderbird
say xauth command -v xauth
"""


def check(target: Target) -> list[Finding]:
    """The program is there, and what `ssh -X` needs to show it."""
    facts = ask(target, _ASK)
    return [
        Finding(
            code=f"thunderbird.{program}",
            ok=bool(facts[key]),
            what=_("program {name}", name=program),
            found=facts[key] or _("missing"),
            expected=_("installed"),
            hint=_("dpkg -l shows what is installed. Is the package's name right for this system?"),
            solution=f"apt install {program}",
        )
        for key, program in (("program", "thunderbird"), ("xauth", "xauth"))
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
