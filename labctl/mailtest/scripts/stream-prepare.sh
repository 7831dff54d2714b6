#!/bin/sh
# Usage: stream-prepare.sh USER UNIT <stream-send.sh
# End any stream of the user's that is left over, store the script for a new one, and print the
# new folder.
user=$1 unit=$2

systemctl stop "$unit-*" 2>/dev/null || :
rm -rf /var/tmp/labctl-mailtest-stream.*
folder=$(mktemp -d /var/tmp/labctl-mailtest-stream.XXXXXXXX)
cat >"$folder/send"
chown -R "$user:" "$folder"
# The script must survive a power cut. The messages are Postfix's responsibility.
sync
echo "$folder"
