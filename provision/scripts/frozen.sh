# shellcheck shell=sh
# Daemons that exist and do nothing. Include this file; it does nothing by itself.

# frozen NAMES: those of the programs (a list with commas) that a signal has stopped: kill -STOP, or
# Ctrl-Z in a terminal.
frozen() { ps -o stat=,comm= -C "$1" | sed -n 's/^T[^ ]* *//p' | sort -u; }
