# shellcheck shell=sh
# When a daemon was started. Include this file; it does nothing by itself.

# started PID: the time at which the process was started, in seconds since 1970.
# Against a process of this moment, and not by ps: in a container that has lxcfs, the uptime that ps
# takes is the container's own, while processes count from the machine's start.
started() {
  age=$((($(cut -d ' ' -f 22 /proc/self/stat) - $(cut -d ' ' -f 22 "/proc/$1/stat")) / 100))
  echo $(($(date +%s) - age))
}
