#!/bin/sh
# Usage: queue-ids.sh RUN
# Print the Message-ID header of each whole queue file of the run. A queue file is whole once its
# owner may execute it (Postfix's mail_queue.h). Before that, nobody was told that the message was
# accepted. A notice has the token after a Message-ID of its own, so only the first one counts.
cd "$(postconf -h -o inet_interfaces= queue_directory)" || exit
find maildrop incoming active deferred hold -type f -perm -100 \
  -exec grep -aHo 'Message-ID: <[^>]*>' {} + 2>/dev/null |
  awk -v run="<$1." -F : '!seen[$1]++ && index($3, run)'
