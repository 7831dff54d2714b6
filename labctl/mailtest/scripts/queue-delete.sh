#!/bin/sh
# Usage: queue-delete.sh RUN
# Delete the messages of the run from all queues.
cd "$(postconf -h -o inet_interfaces= queue_directory)" || exit
find maildrop incoming active deferred hold -type f \
  -exec grep -lF -- "Message-ID: <$1." {} + 2>/dev/null |
  sed 's|.*/||' | postsuper -d - >/dev/null 2>&1 || :
