#!/bin/sh
# Usage: boot-order-check.sh UNIT...
# Report what the units wait for at boot, as systemd itself has it.
. ./say.sh

say after systemctl show --value -p After "$@"
say wants systemctl show --value -p Wants -p Requires "$@"
