#!/bin/sh
# Usage: mail-came.sh USER LOG SECONDS TOKEN
# Wait until the message with the token is in the user's mailbox, for SECONDS at most. Report its
# sender, and the lines of the log that are about it.
. ./say.sh
. ./arrived.sh

user=$1 log=$2 seconds=$3 token=$4
home=$(home_of "$user")
end=$(($(date +%s%3N) + seconds * 1000))
while found=$(sender "$token" "$user" "$home") && [ -z "$found" ] && [ "$(date +%s%3N)" -lt "$end" ]; do
  sleep 0.1
done
say coming-from echo "$found"
own_log=$(postconf -hx maillog_file 2>/dev/null || :)
[ ! -f "$own_log" ] || log=$own_log
late() { tail -n 2000 "$log"; }
id=$(late | sed -n "s/.* \([0-9A-Za-z]*\): message-id=<$token>.*/\1/p" | tail -n 1)
lines() { late | grep -F " $id: "; }
[ -z "$id" ] || say coming-log lines
