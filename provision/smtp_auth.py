"""「SMTP認証（SASL認証連携）の設定」: Postfix asks saslauthd, which asks PAM."""

from __future__ import annotations

from labctl.i18n import N_
from labctl.managed import ManagedFile
from labctl.results import Change
from labctl.scripts import Script
from provision.changes import flag, host_script, wrote_any
from provision.render import render
from provision.smtp_auth_check import check, wrong_password
from provision.step import Scene, Step, Target

_SMTP_AUTH = Script("provision", "smtp-auth.sh")
_SMTPD_CONF = "/etc/postfix/sasl/smtpd.conf"
_DROP_IN = "/etc/systemd/system/pid-file.conf"


def files(scene: Scene) -> tuple[ManagedFile, ...]:
    """saslauthd's defaults, and smtpd.conf, which Postfix reads."""
    sasl = scene.family.sasl
    written = (render(scene, sasl.defaults), render(scene, sasl.smtpd_conf, template=_SMTPD_CONF))
    return (*written, render(scene, sasl.drop_in, template=_DROP_IN)) if sasl.drop_in else written


def apply(target: Target) -> list[Change]:
    """Write both files, let Postfix reach the socket, and have saslauthd run."""
    sasl = target.family.sasl
    written = target.install(files(target.scene))
    ensured = host_script(
        target,
        _SMTP_AUTH,
        sasl.unit,
        sasl.run_dir,
        sasl.group,
        sasl.defaults,
        target.family.postfix.chroot,
        flag(wrote_any(written, [sasl.defaults, sasl.drop_in])),
        flag(wrote_any(written, [sasl.smtpd_conf])),
    )
    return [*written, *ensured]


STEP = Step(
    name="smtp-auth",
    section="SMTP認証（SASL認証連携）の設定",
    summary=N_("lets Postfix ask saslauthd for passwords"),
    apply=apply,
    check=check,
    files=files,
    requires=("postfix", "accounts"),
    asks_first=wrong_password,
)
