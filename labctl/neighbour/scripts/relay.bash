#!/bin/bash
# Carry one connection between standard input and output and an address: $1 is tcp or udp, $2 the
# address, $3 the port. Prints "." when it begins and "+" when TCP is connected. bash, because
# every Debian has it, and its /dev/tcp.
printf .
exec 3<>"/dev/$1/$2/$3" || exit 1
if [ "$1" = tcp ]; then printf +; fi
# The end of either side ends both.
exec 4<&0
cat <&4 >&3 &
cat <&3 &
wait -n
# shellcheck disable=SC2046
kill $(jobs -p) 2>/dev/null
