#!/bin/sh
# Usage: firewalld.sh CHANGED PORT/PROTOCOL...
# Switch firewalld on with these ports open. CHANGED is set if the zone's file was written. The
# running firewalld is asked, because a port may have been closed without its file.
. ./services.sh

is_changed=$1
shift
is_open() {
  for door do firewall-cmd --quiet --query-port="$door" || return 1; done
}
enabled firewalld
if ! runs_now; then
  restarted firewalld
elif [ -n "$is_changed" ] || ! is_open "$@"; then
  must firewall-cmd --quiet --reload
  changed reloaded firewalld
fi
