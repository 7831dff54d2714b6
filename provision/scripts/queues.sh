# shellcheck shell=sh
# Messages in the queues of Postfix. Include this file; it does nothing by itself. $token is in the
# messages that count, and $spool has the queues.
. ./patience.sh

# queues: print the file of each message with the token.
# shellcheck disable=SC2154  # the including script sets them
queues() {
  for queue in maildrop incoming active deferred hold; do
    find "$spool/$queue" -type f -exec grep -lF -- "$token" {} + 2>/dev/null || :
  done
}

# deliverers: print the processes that have a message open, also if its file is removed.
deliverers() {
  find /proc/[0-9]*/fd -type l -printf '%h %l\n' 2>/dev/null | grep -F -- "$removed" | cut -d/ -f3 |
    sort -u
}

# hang_up PID: close the connections of a process, and its questions to a name server. Its delivery
# fails, as if it was cut off.
hang_up() {
  lines=$(ss -tunpH 2>/dev/null | grep -F "pid=$1,") || return 0
  has_hung_up=1
  printf '%s\n' "$lines" | while read -r kind _ _ _ local _; do
    ss -K "--$kind" -n "sport = :${local##*:}" >/dev/null 2>&1 || :
  done
}

# clear_queues: remove every message with $token from the queues in $spool. A program of Postfix that
# is delivering one goes on with it after postsuper(1), for example as soon as a firewall lets it. So
# cut it off, and wait for its end.
clear_queues() {
  # The end of each path, because a program may name the folder in another way.
  removed=$(queues | sed 's|.*/|/|')
  [ -n "$removed" ] || return 0
  # A program of Postfix that looks up a name of main.cf may wait long for the answer.
  printf '%s\n' "$removed" | tr -d / | timeout 5 postsuper -d - >/dev/null 2>&1 || :
  looks=0
  while busy_ones=$(deliverers) && [ -n "$busy_ones" ] && [ "$looks" -lt 10 ]; do
    has_hung_up=''
    for pid in $busy_ones; do hang_up "$pid"; done
    # One without a connection may be about to make one, or waits for another program of Postfix.
    [ -n "$has_hung_up" ] || [ "$looks" -lt 3 ] || break
    nap
  done
  # Why they were not delivered. postsuper(1) does not know of a delivery that has just failed.
  find "$spool/defer" "$spool/bounce" -type f 2>/dev/null | grep -F -- "$removed" |
    while read -r file; do rm -f "$file"; done
}
