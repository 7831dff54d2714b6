# shellcheck shell=sh
# Daemons that exist and do nothing. Include this file; it does nothing by itself.

# frozen NAMES: those of the programs (a list with |) that a signal has stopped: kill -STOP, or
# Ctrl-Z in a terminal.
frozen() {
  stopped=$(pgrep -r T -l -x "$1") || return 0
  printf '%s\n' "$stopped" | sed 's/^[0-9]* //' | sort -u
}
