#!/bin/sh
# Usage: delete-deferred.sh
# Wait until a message waits in the queue for the next attempt, and delete it. Prints its queue id.
until file=$(find /var/spool/postfix/deferred -type f -perm -100 | grep .); do sleep 0.05; done
id=$(basename "$(echo "$file" | head -n 1)")
/usr/sbin/postsuper -d "$id"
echo "$id"
