#!/bin/sh
# Usage: master-cf-unread.sh MASTER_CF GROUP
# Report `unread` if Postfix has not read the file since it was edited. The queue manager is started
# again whenever Postfix reads its settings. Report `grouped` if postfix is in the group and a smtpd is
# not, which has run since before.
. ./say.sh
. ./started.sh

qmgr=$(pgrep -o -x qmgr || :)
edited=$(edited "$1" 2>/dev/null || echo 0)
if [ -n "$qmgr" ] && [ "$edited" -gt "$(started "$qmgr")" ] && [ "$edited" -le "$(date +%s%2N)" ]; then
  say unread echo yes
fi

# outside GID: a process of smtpd that is not in the group.
outside() {
  for pid in $(pgrep -x smtpd); do
    grep -qE "^Groups:(.*[[:space:]])?$1([[:space:]]|\$)" "/proc/$pid/status" || echo "smtpd $pid"
  done
}
case " $(id -nG postfix 2>/dev/null) " in
  *" ${2:-none} "*) say grouped outside "$(getent group "$2" | cut -d : -f 3)" ;;
esac
