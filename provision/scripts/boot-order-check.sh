#!/bin/sh
# Usage: boot-order-check.sh UNIT...
# Report what the units start after at boot, as systemd itself has it.
systemctl show -p After "$@" 2>/dev/null | sed -n 's/^After=/after\t/p'
# They do not start without a unit that they require.
required=$(systemctl show -p Requires -p BindsTo --value "$@" 2>/dev/null | tr ' ' '\n' | sort -u)
# shellcheck disable=SC2086  # one word for each unit
systemctl show -p Id -p LoadState $required 2>/dev/null |
  awk -F= '/^Id=/ { id = $2 } /^LoadState=not-found/ { print "absent\t" id }'
