# shellcheck shell=sh
# When a daemon was started. Include this file; it does nothing by itself.

# started PID: the time at which the process was started at the latest, in hundredths of a second
# since 1970. Whole seconds are too coarse: people edit a file in the second after a restart.
# Against a process of this moment, and not by ps: in a container that has lxcfs, the uptime that ps
# takes is the container's own, while processes count from the machine's start.
started() {
  age=$(($(cut -d ' ' -f 22 /proc/self/stat) - $(cut -d ' ' -f 22 "/proc/$1/stat")))
  echo $(($(date +%s%2N) - age))
}

# edited FILE: the time of the last edit, in hundredths of a second since 1970.
edited() { date -r "$1" +%s%2N; }
