#!/bin/sh
# Usage: mailbox-count.sh USER RUN
# Print the Message-ID line of every message of a test run in the user's mailbox and Maildir.
# A message may start without an empty line before it: a power cut can leave half a message.
. ./mbox.sh

user=$1 run="Message-ID: <$2."
home=$(home_of "$user")
if [ -f "/var/mail/$user" ]; then
  awk -v start="$START" -v run="$run" '
    $0 ~ start { header = 1; notice = $2 == "MAILER-DAEMON"; next }
    $0 == "" { header = 0 }
    header && !notice && index($0, run) == 1' "/var/mail/$user"
fi
for folder in "$home/Maildir/new" "$home/Maildir/cur"; do
  if [ -d "$folder" ]; then
    find "$folder" -type f -exec awk -v run="$run" '
      FNR == 1 { header = 1 }
      $0 == "" { header = 0 }
      header && index($0, run) == 1' {} +
  fi
done
