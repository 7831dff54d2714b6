"""Will saslauthd run, and will smtpd reach it, after the next start of the host or of a service?"""

from __future__ import annotations

from labctl.i18n import _
from labctl.results import Finding
from provision.facts import Facts
from provision.families.base import Sasl
from provision.saslauthd import (
    folder_at_start,
    is_unread,
    mechanisms,
    misread,
    no_socket,
    not_in_group,
    odd_mechanism,
    options,
    smtpd_conf,
    socket_folder,
    start,
    start_missing,
    syntax,
    value_of,
)
from provision.services import starts_at_boot
from provision.step import Target


def lasting(target: Target, facts: Facts, now: list[Finding]) -> list[Finding]:
    """What works now but not after a reboot. `now` is what was found about the behaviour."""
    sasl = target.family.sasl
    if start_missing(facts) and not facts["running"]:
        return []
    what = _("saslauthd starts at boot")
    if facts["keeper"]:
        unit, _blank, state = facts["keeper"].partition(" ")
        return [starts_at_boot("smtp-auth.enabled", what, unit, state)]
    if facts["syntax"] or misread(facts):
        told = syntax(sasl, facts)
        # If it does not run, or with other options, that is told already.
        return [told] if facts["running"] and told not in now else []
    if facts["running"] and (later := _later(target, facts, all(each.ok for each in now))):
        return [later]
    if facts["not-executable"]:
        return [_not_executable(what, facts["not-executable"])]
    return [
        start(sasl, facts),
        starts_at_boot("smtp-auth.enabled", what, sasl.unit, facts["enabled"]),
    ]


def _later(target: Target, facts: Facts, works: bool) -> Finding | None:
    """What the next start changes for a saslauthd that runs."""
    sasl = target.family.sasl
    if moved := _next_socket(sasl, facts) or _next_mount(sasl, facts):
        return moved
    if not _runs_with_it(facts) and (mechanism := odd_mechanism(sasl, facts)):
        return mechanisms(sasl, mechanism)
    return (_next_folder(sasl, facts) or _next_chroot(target, facts)) if works else None


def _runs_with_it(facts: Facts) -> bool:
    """Whether the saslauthd that runs has the file's mechanism, which other findings judge."""
    mechanism = value_of(facts, "mechanisms")
    return bool(mechanism) and any(f" -a {mechanism} " in line for line in facts.lines("args"))


def _next_socket(sasl: Sasl, facts: Facts) -> Finding | None:
    """The file of its options was changed, and saslauthd still runs with those of before.

    A second saslauthd with the new ones may run beside it: the start script ends only one whose
    socket is in the folder that the file names.
    """
    text = facts["options"].rpartition("\n")[2]
    # What a shell would put in for a variable is not known here.
    if not sasl.has_options or "$" in text or facts["instance"]:
        return None
    then = folder_at_start(facts)
    folders = [folder for line in facts.lines("args") if (folder := socket_folder(line))]
    if not folders or _is_same(f"{then}/mux", facts["socket"]):
        return None
    if set(folders) == {then} and not facts["link"]:
        return None
    now = next((folder for folder in folders if folder != then), sasl.run_dir)
    return options(sasl, facts, now)


def _is_same(path: str, other: str) -> bool:
    """Whether both are one file. /var/run is a link to /run (hier(7))."""
    return path.removeprefix("/var") == other.removeprefix("/var")


def _next_mount(sasl: Sasl, facts: Facts) -> Finding | None:
    """The folder of the socket is mounted into the chroot by hand, which a boot does not do."""
    if not facts["mounted"]:
        return None
    return Finding(
        code="smtp-auth.mounted",
        ok=False,
        what=_("saslauthd's socket after the next boot"),
        found=_("{path} is mounted by hand", path=facts.lines("mounted")[0]),
        expected=sasl.run_dir,
        hint=_("What mounts this folder when the host starts? Look at /etc/fstab."),
        solution=f'{sasl.defaults}: OPTIONS="-c -m {sasl.run_dir}"',
    )


def _next_folder(sasl: Sasl, facts: Facts) -> Finding | None:
    """The folder is open to all now. The start script gives it to the group again."""
    if not facts["closes"]:
        return None
    hint = _("saslauthd's start script sets the mode of the folder. Who may enter it then?")
    return not_in_group(sasl, facts, hint)


def _next_chroot(target: Target, facts: Facts) -> Finding | None:
    """smtpd will look for the socket elsewhere as soon as Postfix reads master.cf again."""
    sasl = target.family.sasl
    path = smtpd_conf(facts).get("saslauthd_path", sasl.mux)
    if facts["there"] or path != sasl.mux or not is_unread(target):
        return None
    return no_socket(sasl, facts)


def _not_executable(what: str, path: str) -> Finding:
    """systemd makes no unit of a start script that is no program."""
    return Finding(
        code="smtp-auth.enabled",
        ok=False,
        what=what,
        found=_("{path} is not executable", path=path),
        expected="enabled",
        hint=_("A service that runs now does not necessarily start at boot."),
        solution=f"chmod +x {path}; systemctl daemon-reload",
    )
