#!/bin/sh
# Usage: stuck-mail.sh USER ACCOUNT SPOOL
# Send a message to an address literal without a mail server. It is refused at once, and Postfix
# keeps it to try again. Then put it on hold.
echo test | runuser -u "$1" -- sendmail "$2@[127.0.0.2]"
tries=50
until [ -n "$(find "$3/deferred" -type f)" ] || [ $((tries -= 1)) = 0 ]; do sleep 0.1; done
postsuper -h ALL deferred
