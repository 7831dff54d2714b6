#!/bin/sh
# Usage: mail-came.sh USER LOG SECONDS TOKEN
# Wait until the message with the token is in the user's mailbox, for SECONDS at most. Report its
# sender, and the lines of the log that are about it.
. ./say.sh
. ./arrived.sh

user=$1 log=$(log_of "$2") seconds=$3 token=$4
home=$(home_of "$user")
end=$(($(date +%s%3N) + seconds * 1000))
while found=$(sender "$token" "$user" "$home") && [ -z "$found" ] && [ "$(date +%s%3N)" -lt "$end" ]; do
  sleep 0.1
done
say coming-from echo "$found"
late() { tail -n 2000 "$log"; }
id=$(late | queue_id "$token")
lines() { late | grep -F " $id: "; }
[ -z "$id" ] || say coming-log lines
