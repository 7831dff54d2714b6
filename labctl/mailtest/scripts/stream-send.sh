#!/bin/sh
# Usage: stream-send.sh RECORD LAST BEFORE AFTER FROM TO PAUSE
# Send messages up to number LAST, and record what sendmail(1) answers to each before the next
# one. A token is BEFORE, the number, AFTER. The first message is the one after the last number in
# the record: a message whose answer nobody saw may have been accepted.
record=$1 last=$2 before=$3 after=$4 from=$5 to=$6 pause=$7

number=$(grep -c '^begin ' "$record") || :
[ "$number" = 0 ] || grep -q "^end $number " "$record" || echo "end $number unanswered" >>"$record"
while [ "$number" -lt "$last" ]; do
  number=$((number + 1))
  echo "begin $number" >>"$record"
  sync "$record"
  code=0
  words=$(/usr/sbin/sendmail -i -f "$from" "$to" 2>&1 <<MESSAGE
From: $from
To: $to
Subject: Stress test, message $number
Message-ID: <$before$number$after>

This is message $number of the stress test.
MESSAGE
  ) || code=$?
  echo "end $number $code $(printf %s "$words" | tr '\n' ' ')" >>"$record"
  sync "$record"
  sleep "$pause"
done
