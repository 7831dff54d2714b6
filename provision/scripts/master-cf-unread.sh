#!/bin/sh
# Usage: master-cf-unread.sh MASTER_CF
# Report `unread` if Postfix has not read the file since it was edited. The queue manager is started
# again whenever Postfix reads its settings.
. ./say.sh
. ./started.sh

qmgr=$(pgrep -o -x qmgr || :)
edited=$(edited "$1" 2>/dev/null || echo 0)
if [ -n "$qmgr" ] && [ "$edited" -gt "$(started "$qmgr")" ] && [ "$edited" -le "$(date +%s%2N)" ]; then
  say unread echo yes
fi
