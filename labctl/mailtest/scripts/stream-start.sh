#!/bin/sh
# Usage: stream-start.sh RECORD USER UNIT SCRIPT LAST ARGUMENT...
# Start the stream as the unit, or continue it. Do nothing if it runs or has sent its last message
# (a unit that has sent its last message may still be ending).
record=$1 user=$2 unit=$3 script=$4
shift 4

[ -e "$record" ] || install -o "$user" -m 644 /dev/null "$record"
grep -q "^end $1 " "$record" || systemctl is-active --quiet "$unit" ||
  systemd-run --quiet --collect --unit "$unit" --uid "$user" sh "$script" "$record" "$@"
