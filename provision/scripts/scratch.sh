# shellcheck shell=sh
# A folder for as long as a script runs. Include this file; it does nothing by itself.

# make_scratch: make a folder, $scratch, in memory, so that a full disk does not prevent it.
make_scratch() {
  scratch=$(mktemp -d -p /run)
  trap 'rm -rf "$scratch"' EXIT
  # After a signal, the shell runs the trap of EXIT only if the signal has one too.
  trap 'exit 1' HUP INT TERM
}
