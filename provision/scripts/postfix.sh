#!/bin/sh
# Usage: postfix.sh CHANGED UNIT RUNNING_UNIT MAIN_CF MASTER_CF EXAMPLE SPOOL CHROOT
# Enable Postfix and have it run with its files. CHANGED is set if main.cf was written. EXAMPLE is
# the master.cf to use if there is none.
# Postfix reads `inet_interfaces` and the chroot's copies of resolv.conf and hosts only when it
# starts, so it is restarted and never reloaded.
. ./services.sh

is_changed=$1 unit=$2 running_unit=$3 main_cf=$4 master_cf=$5 example=$6 spool=$7 chroot=$8
if [ ! -s "$master_cf" ]; then
  install -m 644 "$example" "$master_cf"
  changed wrote "$master_cf"
  is_changed=yes
fi
enabled "$unit" "$running_unit"
# Postfix reads a main.cf that was written in this second again and again until it is older.
[ -z "$is_changed" ] || touch -d '3 seconds ago' "$main_cf"
same_names() {
  [ -n "$chroot" ] || return 0
  cmp -s /etc/resolv.conf "$chroot/etc/resolv.conf" && cmp -s /etc/hosts "$chroot/etc/hosts"
}
if ! runs_now; then
  # A Postfix that was started by hand is not the unit's, so it has to stop. `postfix status`
  # would tell as much after two seconds.
  if pgrep -x master >/dev/null; then postfix stop 2>/dev/null; fi
  restarted "$unit" "$running_unit"
elif [ -n "$is_changed" ] || ! same_names ||
  newer_than "$spool/pid/master.pid" "$main_cf" "$master_cf"; then
  restarted "$unit" "$running_unit"
fi
