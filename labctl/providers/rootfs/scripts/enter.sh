#!/bin/sh
# Usage: enter.sh CGROUP.PROCS... -- COMMAND...
# Enter these control groups and become the command.
while [ "$1" != -- ]; do
  echo 0 >"$1"
  shift
done
shift
exec "$@"
