#!/bin/sh
# Usage: boot-order-check.sh UNIT...
# Report what the units start after at boot, as systemd itself has it.
systemctl show -p After "$@" 2>/dev/null | sed -n 's/^After=/after\t/p'
