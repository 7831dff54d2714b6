#!/bin/sh
# Usage: boot-order-check.sh UNIT...
# Report what the units wait for at boot, as systemd itself has it.
systemctl show -p After -p Wants -p Requires "$@" 2>/dev/null |
  sed -n 's/^After=/after\t/p; s/^\(Wants\|Requires\)=/wants\t/p'
