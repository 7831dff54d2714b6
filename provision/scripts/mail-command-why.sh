#!/bin/sh
# Usage: mail-command-why.sh MESSAGE_ID LOG
# Report what the mail log says of a message, by its queue id.
. ./say.sh

queue_id=$(sed -n "s/.* \([0-9A-Za-z]*\): message-id=<$1>.*/\1/p" "$2" | tail -n 1)
say status sed -n "s/.* $queue_id: .*status=//p" "$2"
