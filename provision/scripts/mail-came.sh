#!/bin/sh
# Usage: mail-came.sh USER LOG LOOKS TOKEN
# Look for the message with the token in the user's mailbox, LOOKS times on a quiet machine.
# Report its sender, and the lines of the log that are about it.
. ./say.sh
. ./arrived.sh

user=$1 log=$(log_of "$2") most=$3 token=$4
home=$(home_of "$user")
place=$(filled "$user" "$home")
looks=0
while :; do
  found=$(sender "$token" "$user" "$home" "$place")
  [ -z "$found" ] && [ "$looks" -lt "$most" ] || break
  nap
  looks=$((looks + 1))
done
say coming-from echo "$found"
late() { tail -n 2000 "$log"; }
id=$(late | queue_id "$token")
lines() { late | grep -F " $id: "; }
[ -z "$id" ] || say coming-log lines
