#!/bin/bash
# Carry one connection between standard input and output and an address: $1 is tcp or udp. Prints
# "." when it has begun, reads the address and the port on a line, and prints "+" when TCP is
# connected. bash, because every Debian has it, and its /dev/tcp.
printf .
read -r address port || exit 1
exec 3<>"/dev/$1/$address/$port" || exit 1
if [ "$1" = tcp ]; then printf +; fi
# The end of either side ends both.
exec 4<&0
cat <&4 >&3 &
cat <&3 &
wait -n
# shellcheck disable=SC2046
kill $(jobs -p) 2>/dev/null
