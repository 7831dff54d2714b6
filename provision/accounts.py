"""「アカウントの作成」: the host's mail account with its password, home and mailbox."""

from __future__ import annotations

from labctl.i18n import N_, _
from labctl.results import Change, Finding
from provision.facts import Facts, ask
from provision.step import Step, Target

# Perl is in every Debian; crypt(3) compares, so that a right password is not set again.
HAS_PASSWORD = r"""
has_password() {
  printf '%s' "$2" | perl -e '
    my $hash = (getpwnam $ARGV[0])[1] // "";
    my $password = do { local $/; <STDIN> };
    exit !(length $hash > 1 && (crypt($password, $hash) // "") eq $hash);
  ' "$1"
}
"""

_ACCOUNT = (
    HAS_PASSWORD
    + r"""
name=$1
IFS= read -r password
if ! getent passwd "$name" >/dev/null; then
  group=
  if getent group "$name" >/dev/null; then group="-g $name"; fi
  useradd -m -s /bin/bash $group "$name" 2>/dev/null
  echo "added account $name"
  # Postfix's local delivery remembers the number of an account that had this name.
  if pgrep -x local >/dev/null; then postfix reload 2>/dev/null; echo "reloaded postfix"; fi
fi
entry=$(getent passwd "$name")
home=$(echo "$entry" | cut -d: -f6)
case ${entry##*:} in
  */nologin|*/false|'') usermod -s /bin/bash "$name"; echo "gave $name a shell" ;;
esac
if [ -n "$(getent shadow "$name" | cut -d: -f8)" ]; then
  chage -E -1 "$name"; echo "ended the expiry of $name"
fi
if ! has_password "$name" "$password"; then
  printf '%s:%s\n' "$name" "$password" | chpasswd
  echo "set the password of $name"
fi
owner="$name $(id -gn "$name")"
if [ ! -d "$home" ]; then
  cp -r /etc/skel "$home"; chown -R "$name:${owner#* }" "$home"; chmod 750 "$home"
  echo "made $home"
elif [ "$(stat -c '%a %U' "$home")" != "750 $name" ]; then
  chown "$name:${owner#* }" "$home"; chmod 750 "$home"
  echo "set owner and mode of $home"
fi
if [ "$(stat -L -c '%a %U %G' /var/mail)" != "2775 root mail" ]; then
  chown root:mail /var/mail/; chmod 2775 /var/mail/
  echo "set owner and mode of /var/mail"
fi
box=/var/mail/$name
if [ -f "$box" ]; then
  case $(stat -c '%a %U %G' "$box") in
    "600 $name mail"|"660 $name mail") ;;
    *) chown "$name:mail" "$box"; chmod 660 "$box"; echo "set owner and mode of $box" ;;
  esac
fi
"""
)


def apply(target: Target) -> list[Change]:
    """Adds the account where it is missing; mends password, home and mailbox where wrong."""
    name = str(target.host.account)
    done = target.remote.run(
        ["sh", "-euc", _ACCOUNT, "sh", name],
        stdin=target.credentials.password(name) + "\n",
    )
    return [Change(line) for line in done.stdout.splitlines()]


_ASK = (
    HAS_PASSWORD
    + r"""
name=$1 other=$2
IFS= read -r password
say entry getent passwd "$name"
say other getent passwd "$other"
if has_password "$name" "$password"; then say password echo yes; fi
say state passwd -S "$name"
home=$(getent passwd "$name" | cut -d: -f6)
say home stat -c '%U' "$home"
say spool stat -L -c '%a %U %G' /var/mail
say box stat -c '%U %a' "/var/mail/$name"
"""
)


def check(target: Target) -> list[Finding]:
    """The account exists with the lab's password, a home, and a mailbox it may use."""
    name = str(target.host.account)
    password = target.credentials.password(name)
    facts = ask(target, _ASK, name, str(target.peer.account), stdin=password + "\n")
    exists = _exists(target, facts)
    return [exists] if not exists.ok else [exists, *_owned(name, facts)]


def _exists(target: Target, facts: Facts) -> Finding:
    name, other = str(target.host.account), str(target.peer.account)
    is_swapped = not facts["entry"] and bool(facts["other"])
    return Finding(
        code="accounts.exists",
        ok=bool(facts["entry"]),
        what=_("account {name}", name=name),
        found=other if is_swapped else name if facts["entry"] else _("missing"),
        expected=name,
        hint=_("Each server has its own account; is this the server you meant?")
        if is_swapped
        else _("getent passwd lists the accounts of this server."),
        solution=f"adduser {name}",
    )


def _owned(name: str, facts: Facts) -> list[Finding]:
    has_password = facts["password"] == "yes"
    state = [*facts["state"].split(), "", ""][1]
    told = _("none or locked") if state in ("NP", "L") else _("another one")
    spool, box = facts["spool"], facts["box"]
    box_ok = not box or (box.split()[0] == name and int(box.split()[1], 8) & 0o600 == 0o600)
    return [
        Finding(
            code="accounts.password",
            ok=has_password,
            what=_("password of {name}", name=name),
            found=_("the lab's") if has_password else told,
            expected=_("the lab's"),
            hint=_("labctl credentials shows the lab's passwords."),
            solution=f"passwd {name}",
        ),
        Finding(
            code="accounts.home",
            ok=facts["home"] == name,
            what=_("home folder of {name}", name=name),
            found=facts["home"] or _("missing"),
            expected=name,
            hint=_("Who owns the home folder? ls -ld tells."),
            solution=f"chown -R {name}: ~{name}",
        ),
        Finding(
            code="accounts.mailbox",
            ok=box_ok and spool in ("2775 root mail", "3775 root mail", "1777 root mail"),
            what=_("owner and mode of the mailbox"),
            found=f"/var/mail {spool}; /var/mail/{name} {box}",
            expected=f"/var/mail 2775 root mail; /var/mail/{name} {name} 600",
            hint=_("Dovecot and `mail` read the mailbox as its user. Look at ls -l /var/mail."),
            solution=f"chown root:mail /var/mail; chmod 2775 /var/mail; "
            f"chown {name}:mail /var/mail/{name}; chmod 600 /var/mail/{name}",
        ),
    ]


STEP = Step(
    name="accounts",
    section="アカウントの作成",
    summary=N_("makes the mail account with its password"),
    apply=apply,
    check=check,
)
