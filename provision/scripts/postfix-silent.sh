#!/bin/sh
# Usage: postfix-silent.sh SPOOL
# Report what `postfix check` says, by its part that only looks (check-warn in postfix-script). The
# other part makes missing folders and scans the queue, as every start of Postfix does; it would
# repair what a check looks for, and it takes three quarters of the time. A Postfix that never ran
# has no folders yet. A difference between the chroot's resolv.conf and the host's is no fault
# of main.cf, and a misspelt name is found by the parameter that is then missing. That Postfix has
# defaults of an older version is a note (COMPATIBILITY_README). The command speaks to a terminal
# only; script(1) is one for it. It may wait long for the name server, if main.cf has a name that is to be
# looked up; then it has said nothing.
. ./patience.sh

spool=$1
[ -e "$spool/pid/master.pid" ] || exit 0

# copied PATH: this file in Postfix's chroot has the owner of the file that Postfix copied when it
# started. systemd-resolved owns the resolv.conf that it writes.
copied() {
  case $1 in "$spool"/etc/*) ;; *) return 1 ;; esac
  [ "$(stat -L -c %u "${1#"$spool"}" 2>/dev/null)" = "$(stat -c %u "$1")" ]
}

# there: pass over files that were gone before they were looked at, such as a message that changes
# its queue. find(1) says so, and then takes `! -user postfix` for true.
there() {
  while read -r line; do
    case $line in
      "find: "*"$spool/"*/*"No such file"*) continue ;;
      *"not owned by "*": /"* | *"writable: /"*)
        path=/${line##*: /}
        [ -e "$path" ] || [ -L "$path" ] || continue
        copied "$path" && continue
        ;;
    esac
    printf '%s\n' "$line"
  done
}
ended() { [ "$1" = 124 ] || echo "exit $1"; }
{ timeout "$((3 * $(patience)))" script -qec 'postfix check-warn' /dev/null </dev/null 2>&1 || ended $?; } |
  tr -d '\r' | there | sed '/ differ$/d; /unused parameter/d; s/^/check\t/
    /backwards-compatible\|COMPATIBILITY_README\|backwards compatibility/d'
