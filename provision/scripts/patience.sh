# shellcheck shell=sh
# How long to wait for an answer on a busy machine. Include this file; it does nothing by itself.

# So many processes run or wait to run when a check begins, because labctl asks everything at once.
# provision/patience.py has the same number.
OWN=40

# busy: set $times, by how much to multiply a time to wait: 1, or up to 6 if the processors are busy.
# Hosts share the processors of a machine, so that a late answer would look like none.
busy() {
  read -r load _ _ running _ </proc/loadavg
  load=${load%.*} running=$((${running%/*} - OWN))
  # The load is a mean of the last minute. A machine that is just becoming busy has a long queue.
  [ "$running" -le "$load" ] || load=$running
  times=1
  # A quiet machine need not be asked how many processors it has.
  [ "$load" -gt 1 ] || return 0
  times=$((load / 2 / ${cpus:=$(nproc)}))
  [ "$times" -le 6 ] || times=6
  [ "$times" -ge 1 ] || times=1
}

# patience: print by how much to multiply a time to wait.
patience() {
  busy
  echo "$times"
}

# nap: count a look in $looks, and wait a tenth of a second before the next one, longer on a busy
# machine: a look starts some processes, which keep it busy.
nap() {
  busy
  sleep "0.$times"
  looks=$((looks + 1))
}

# What a second adds on a quiet machine: a number that each of the $times divides well.
SECOND=12

# hurried SECONDS COMMAND...: like timeout(1), but seconds in which the machine is busy count less.
hurried() {
  most=$1
  shift
  # A program in the background has no standard input, unless it is given one.
  { timeout "$((6 * most))" "$@" <&3 & } 3<&0
  did=$!
  end_late "$most" "$did" >/dev/null 2>&1 &
  ending=$!
  if wait "$did"; then status=0; else status=$?; fi
  kill "$ending" 2>/dev/null || :
  # The signals of end_late.
  case $status in 137 | 143) status=124 ;; esac
  return "$status"
}
end_late() {
  passed=0
  while [ "$passed" -lt "$(($1 * SECOND))" ]; do
    sleep 1
    busy
    passed=$((passed + SECOND / times))
  done
  shell=$(pgrep -P "$(pgrep -P "$2")") || :
  kill "$2"
  # runuser(1) itself gives the shell that it has started two more seconds.
  sleep 0.3
  # shellcheck disable=SC2086  # one word for each process
  kill -KILL $shell
}
