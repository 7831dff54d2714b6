# shellcheck shell=sh
# Functions for mbox files (mbox(5)). Include this file; it does nothing by itself.

# A message starts after an empty line with "From ", an address and a date. The C locale makes
# awk and grep work on bytes, because a message may be in any encoding.
export LC_ALL=C
. ./patience.sh
. ./home.sh
# shellcheck disable=SC2034  # used by the including script
START='^From [^ ]+ +[A-Z][a-z][a-z] [A-Z][a-z][a-z] +[0-9]+ [0-9:]+ [0-9][0-9][0-9][0-9]'

# old_lock USER: print the lock file of the mailbox if it is older than a delivery takes.
old_lock() {
  find "/var/mail/$1.lock" -prune ! -newermt "-$((3 * $(patience))) seconds" 2>/dev/null || :
}

# dead_lock FILE: whether the mailbox has the lock of a delivery that was killed. Postfix's locks are
# empty; others name their process. A delivery has the mailbox open while it has the lock. Postfix
# itself waits until the lock is 500 seconds old (postconf(5), stale_lock_time).
dead_lock() {
  made=$(stat -c '%i %Z' "$1.lock" 2>/dev/null) || return 1
  # Postfix opens the mailbox right after it has locked it.
  sleep 1
  [ "$(stat -c '%i %Z' "$1.lock" 2>/dev/null)" = "$made" ] && [ ! -s "$1.lock" ] &&
    ! find /proc/[0-9]*/fd -lname "$(readlink -f "$1")" 2>/dev/null | grep -q .
}

# filled USER HOME: print the mailbox that Postfix fills if main.cf names one (mailbox_transport,
# mailbox_command, home_mailbox and mail_spool_directory in postconf(5), in the order of local(8)). A
# Maildir ends with a slash.
filled() {
  grep -qsE '^[[:space:]]*(home_mailbox|mail_spool_directory|mailbox_(command|transport))[[:space:]]*=' \
    /etc/postfix/main.cf || return 0
  # Without inet_interfaces, which makes a Postfix program sleep and fail if its value is wrong.
  postconf -hx -o inet_interfaces= mailbox_transport mailbox_command home_mailbox mail_spool_directory \
    2>/dev/null | {
    read -r transport || :
    read -r command || :
    read -r in_home || :
    read -r spool || :
    case $transport,$command in
      lmtp:* | *dovecot*)
        by_dovecot "$1" "$2"
        return 0
        ;;
    esac
    case $in_home,$spool in
      ,*/) echo "$spool$1/" ;;
      ,?*) echo "$spool/$1" ;;
      ?*) echo "$2/$in_home" ;;
    esac
  }
}

# by_dovecot USER HOME: print the mailbox to which Dovecot delivers, in the form of `filled`.
by_dovecot() {
  location=$(DOVECOT_HOSTDOMAIN=localhost doveconf -h mail_location 2>/dev/null) ||
    location=$(DOVECOT_HOSTDOMAIN=localhost doveconf -h mail_driver mail_path mail_inbox_path 2>/dev/null |
      awk '{ line[NR] = $0 } END { print line[1] ":" line[2] (line[3] == "" ? "" : ":INBOX=" line[3]) }')
  printf '%s\n' "$location" | sed -n "s/%{ *user[^}]*}/$1/g; s/%[Lnu]*[nu]/$1/g
    s|%{ *home[^}]*}|$2|g; s|%h|$2|g; s|~/|$2/|g
    s|^mbox:.*:INBOX=\([^:]*\).*|\1|p
    s|^maildir:.*:INBOX=\([^:]*\).*|\1/|p
    s|^maildir:\([^:]*[^:/]\)/*\(:.*\)\{0,1\}\$|\1/|p"
}
