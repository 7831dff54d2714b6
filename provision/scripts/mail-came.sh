#!/bin/sh
# Usage: mail-came.sh USER LOOKS TOKEN
# Look for the message with the token in the user's mailbox, LOOKS times, and report its sender.
. ./say.sh
. ./arrived.sh

user=$1 most=$2 token=$3
home=$(home_of "$user")
place=$(filled "$user" "$home")
looks=0
while :; do
  found=$(sender "$token" "$user" "$home" "$place")
  [ -z "$found" ] && [ "$looks" -lt "$most" ] || break
  nap
done
say coming-from echo "$found"
