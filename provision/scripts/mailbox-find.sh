#!/bin/sh
# Usage: mailbox-find.sh USER MILLISECONDS NOTICES TOKEN...
# Wait until a message with each token is in the user's mailbox, or until the time is over.
# Print `TOKEN NUMBER` for each message found; NUMBER is `$` (the last one) in a Maildir.
# NOTICES is 1 to look for bounces that quote the token instead. A bounce carries the token of
# the original message in its text, and its sender is MAILER-DAEMON.
. ./mbox.sh

user=$1 slice=$2 notices=$3
shift 3
home=$(home_of "$user")

number_of() {
  [ -f "/var/mail/$user" ] || return 0
  awk -v start="$START" -v token="$1" -v want="$notices" '
    BEGIN { blank = 1 }
    blank && $0 ~ start { n++; header = 1; notice = $2 == "MAILER-DAEMON" }
    (want ? notice : header && !notice) && index($0, token) { print n; exit }
    { blank = $0 == ""; if (blank) header = 0 }' "/var/mail/$user"
}

look() {
  all=1
  for token do
    number=$(number_of "$token")
    if [ -z "$number" ] && grep -rqsF -- "$token" "$home/Maildir/new" "$home/Maildir/cur"; then
      number='$'
    fi
    if [ -n "$number" ]; then
      found="$found$token $number
"
    else
      all=0
    fi
  done
}

end=$(($(date +%s%3N) + slice))
while found='' && look "$@" && [ "$all" = 0 ] && [ "$(date +%s%3N)" -lt "$end" ]; do
  sleep 0.03
done
printf %s "$found"
