#!/bin/sh
# Usage: postfix-restart.sh MAIN_CF UNIT
# Restart Postfix after an edit. Each of its programs waits at its start until main.cf is older
# than this second.
touch -d '3 seconds ago' "$1"
systemctl reset-failed 'postfix*'
systemctl restart "$2"
