# shellcheck shell=sh
# How long to wait for an answer on a busy machine. Include this file; it does nothing by itself.

# patience: print by how much to multiply a time to wait: 1, or up to 6 if the processors are busy.
# Hosts share the processors of a machine, so that a late answer would look like none.
patience() {
  read -r load _ _ running _ </proc/loadavg
  load=${load%.*} running=${running%/*}
  # The load is a mean of the last minute. At the start of a check only the run queue is long.
  [ "$running" -le "$load" ] || load=$running
  # A quiet machine need not be asked how many processors it has.
  if [ "$load" -gt 1 ]; then times=$((load / 2 / $(nproc))); else times=1; fi
  [ "$times" -le 6 ] || times=6
  [ "$times" -ge 1 ] || times=1
  echo "$times"
}
