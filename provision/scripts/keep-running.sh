#!/bin/sh
# Usage: keep-running.sh UNIT MARKER CHANGED RELOAD FILE...
# Enable the unit, start it, and have it read its files if CHANGED is set or a file is newer
# than MARKER. RELOAD is set if a reload is enough for that.
. ./services.sh

unit=$1 marker=$2 is_changed=$3 reload=$4
shift 4
enabled "$unit"
if ! runs_now; then
  restarted "$unit"
elif [ -n "$is_changed" ] || newer_than "$marker" "$@"; then
  if [ -n "$reload" ]; then reloaded "$unit"; else restarted "$unit"; fi
fi
