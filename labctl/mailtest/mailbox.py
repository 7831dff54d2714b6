"""A host's mailboxes around a test or a check: kept before, searched in between, put back after.

What a student has in them must come out byte for byte: `mail` alone rewrites a mailbox (it
numbers the messages in it), so the box as it was is kept and, without the test's messages,
put back under the lock that Postfix and Dovecot take too (the dot lock).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from labctl.errors import WrongState
from labctl.i18n import _
from provision.step import Target

if TYPE_CHECKING:
    # SSH costs a fifth of a second to import, and a reset needs none.
    from labctl.remote import Remote

MAILDROP = "/var/spool/postfix/maildrop"

# An mbox message starts after an empty line with "From ", an address and a date (mbox(5)).
# Bytes, not characters: a message may be in any encoding.
START = r"""
LC_ALL=C START='^From [^ ]+ +[A-Z][a-z][a-z] [A-Z][a-z][a-z] +[0-9]+ [0-9:]+ [0-9][0-9][0-9][0-9]'
"""

# A bounce carries the original's token too; it comes from MAILER-DAEMON.
_FIND = (
    START
    + r"""
user=$1 slice=$2 notices=$3; shift 3
home=$(getent passwd "$user" | cut -d: -f6)
look() {
  all=1
  for token do
    number=
    [ ! -f "/var/mail/$user" ] || number=$(awk -v start="$START" -v token="$token" \
      -v want="$notices" '
      BEGIN { blank = 1 }
      blank && $0 ~ start { n++; header = 1; notice = $2 == "MAILER-DAEMON" }
      (want ? notice : header && !notice) && index($0, token) { print n; exit }
      { blank = $0 == ""; if (blank) header = 0 }' "/var/mail/$user")
    if [ -z "$number" ] && grep -rqsF -- "$token" "$home/Maildir/new" "$home/Maildir/cur"; then
      number='$'
    fi
    if [ -n "$number" ]; then found="$found$token $number
"
    else all=0; fi
  done
}
end=$(($(date +%s%3N) + slice))
while found= && look "$@" && [ $all = 0 ] && [ "$(date +%s%3N)" -lt $end ]; do sleep 0.03; done
printf %s "$found"
"""
)

_KEEP = r"""
kept=$(mktemp -d /var/tmp/labctl-mailtest.XXXXXXXX)
home=$(getent passwd "$1" | cut -d: -f6) || home=
for file in "/var/mail/$1" "$home/mbox" "$home/dead.letter"; do
  if [ -f "$file" ] && [ ! -L "$file" ]; then
    cp -p "$file" "$kept/${file##*/}"
  else
    : >"$kept/${file##*/}.absent"
  fi
done
for folder in mail Maildir; do
  [ -z "$home" ] || [ -e "$home/$folder" ] || : >"$kept/$folder.absent"
done
echo "$kept"
"""

# `drop` leaves out the messages with the token, and the note that Dovecot puts into a box it
# found empty (not, where it was there before); `plain` takes from the rest what `mail`
# writes into a box by itself. If then the box begins with all that was kept, the kept bytes
# come back, with the messages that came in between behind them.
_PUT_BACK = (
    START
    + r"""
user=$1 kept=$2 token=$3
home=$(getent passwd "$user" | cut -d: -f6) || home=
drop() {
  awk -v start="$START" -v token="$token" -v note="$2" '
    function flush() { if (text != "" && !mine) printf "%s", text; text = ""; mine = 0 }
    BEGIN { blank = 1 }
    blank && $0 ~ start { flush() }
    { text = text $0 "\n"; blank = $0 == "" }
    index($0, token) || note != "" && index($0, note) == 1 { mine = 1 }
    END { flush() }' "$1"
}
plain() {
  sed '/^X-IMAPbase:/d; /^X-IMAP:/d; /^X-UID:/d; /^Status:/d; /^X-Status:/d; /^X-Keywords:/d
    s/^>*From /From /; s/^\(From [^ ]*\)  */\1 /' "$1"
}
count() {
  awk -v start="$START" '
    BEGIN { blank = 1 }
    blank && $0 ~ start { n++ }
    { blank = $0 == "" }
    END { print n + 0 }' "$1"
}
after() {
  awk -v start="$START" -v skip="$(count "$1")" '
    BEGIN { blank = 1 }
    blank && $0 ~ start { n++ }
    { blank = $0 == "" }
    n > skip' "$2"
}
begins_with() { head -c "$(stat -c %s "$2")" "$1" | cmp -s - "$2"; }
locked() {
  tries=0
  # Empty: on a full disk too.
  until (set -C; : >"$1.lock") 2>/dev/null; do
    tries=$((tries + 1)); [ $tries -lt 100 ] || return 1; sleep 0.05
  done
}
restore() {
  file=$1 old=$kept/${1##*/}
  [ -f "$file" ] && [ ! -L "$file" ] || return 0
  [ ! -f "$old" ] || ! cmp -s "$old" "$file" || return 0
  locked "$file" || { echo "$file"; return 0; }
  trap 'rm -f "$file.lock"' EXIT
  note="Subject: DON'T DELETE THIS MESSAGE -- FOLDER INTERNAL DATA"
  [ ! -f "$old" ] || ! grep -qaF -- "$note" "$old" || note=
  drop "$file" "$note" >"$kept/rest"
  new=$kept/rest
  if [ -f "$old" ]; then
    plain "$old" >"$kept/old-plain"; plain "$kept/rest" >"$kept/rest-plain"
    if begins_with "$kept/rest-plain" "$kept/old-plain"; then
      after "$old" "$kept/rest" >"$kept/later"
      cat "$old" "$kept/later" >"$kept/new"
      new=$kept/new
    fi
  fi
  if [ ! -s "$new" ] && [ -f "$old.absent" ]; then
    rm -f "$file"
  elif ! cmp -s "$new" "$file"; then
    # In place: a server that waits for the lock has the file open already.
    cat "$new" >"$file"
    ! cmp -s "$new" "$old" || touch -r "$old" "$file"
  fi
  rm -f "$file.lock"
  trap - EXIT
}
find /var/spool/postfix/maildrop /var/spool/postfix/incoming /var/spool/postfix/active \
  /var/spool/postfix/deferred /var/spool/postfix/hold -type f -exec grep -lF -- "$token" {} + \
  2>/dev/null | sed 's|.*/||' | postsuper -d - >/dev/null 2>&1 || true
restore "/var/mail/$user"
if [ -n "$home" ]; then
  restore "$home/mbox"
  restore "$home/dead.letter"
  grep -rlsF -- "$token" "$home/Maildir/new" "$home/Maildir/cur" | while IFS= read -r file; do
    rm -f -- "$file"
  done
fi
# Dovecot's cache of headers; it makes a new one.
[ -z "$home" ] || grep -rlsaF --include=dovecot.index.cache -- "$token" "$home/mail" |
  while IFS= read -r file; do rm -f -- "$file"; done
# Dovecot keeps its index there from the first login on.
if [ -n "$home" ] && [ -f "$kept/mail.absent" ] && [ -d "$home/mail" ]; then
  rm -rf "$home/mail/.imap"
  rmdir "$home/mail" 2>/dev/null || :
fi
if [ -n "$home" ] && [ -f "$kept/Maildir.absent" ] && [ -d "$home/Maildir" ]; then
  find "$home/Maildir" -type f ! -name 'dovecot*' | grep -q . || rm -rf "$home/Maildir"
fi
rm -rf "$kept"
"""
)


@dataclass(frozen=True)
class KeptBoxes:
    """The boxes of `user` on a host as they were; `folder` is root's alone, on the host."""

    user: str
    folder: str


def keep_boxes(remote: Remote, user: str) -> KeptBoxes:
    """Copies the user's mailbox, ~/mbox and ~/dead.letter aside, and notes which are not there."""
    return KeptBoxes(user, remote.script(_KEEP, user).stdout.strip())


def find_messages(
    remote: Remote, user: str, tokens: Iterable[str], seconds: float, *, notices: bool = False
) -> dict[str, str]:
    """Waits on the host until all messages are there, or for `seconds`.

    A message is known by a token in its header; with `notices`, the bounces that carry the
    token in their text are looked for instead. Gives each found token the number by which
    `mail` knows the message (`$`, the last one, in a Maildir).
    """
    slice_ms = str(max(0, round(seconds * 1000)))
    done = remote.script(
        _FIND, user, slice_ms, "1" if notices else "0", *tokens, timeout=seconds + 30
    )
    return dict(line.rsplit(" ", 1) for line in done.stdout.splitlines())


def waits_for_postfix(remote: Remote, token: str) -> bool:
    """Whether the message lies where sendmail(1) leaves it for a Postfix that does not run.

    Neither `mail` nor the log says a word of it then.
    """
    return remote.run(["grep", "-rqsF", "--", token, MAILDROP], check=False).ok


@contextmanager
def boxes_kept(targets: Sequence[Target], token: str) -> Iterator[None]:
    """Keeps all hosts' boxes for the time of a test, and puts them back whatever happens."""
    with ThreadPoolExecutor(len(targets)) as pool:
        kept = list(pool.map(lambda t: keep_boxes(t.remote, t.host.account or ""), targets))
        try:
            yield
        finally:
            remotes = [target.remote for target in targets]
            list(pool.map(lambda r, k: put_back(r, k, token), remotes, kept))


def put_back(remote: Remote, kept: KeptBoxes, token: str) -> None:
    """Removes every message with the token, from queues and boxes, and all that was kept.

    Other messages stay as they were before the test, and those that came in meanwhile stay.
    Raises WrongState where somebody holds a box's lock for more than five seconds.
    """
    locked = remote.script(_PUT_BACK, kept.user, kept.folder, token).stdout.strip()
    if locked:
        raise WrongState(
            _(
                "{host}: {file} is locked; the test's messages are still in it",
                host=remote.endpoint.host,
                file=locked,
            ),
            hint=_("close the mail program that has it open"),
        )
