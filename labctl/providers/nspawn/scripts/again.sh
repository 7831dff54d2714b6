#!/bin/sh
# Usage: again.sh COMMAND...
# Run the command again as often as it ends with 133. With --keep-unit, systemd-nspawn ends so if the
# host asks for a reboot, and leaves it to its unit to start it again. There is no unit.
while :; do
  "$@"
  [ "$?" = 133 ] || exit
done
