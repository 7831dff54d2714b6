#!/bin/sh
# Usage: postfix-check.sh MAIN_CF UNIT RUNNING_UNIT DOMAIN...
# The DOMAINs that a file or table in mydestination has are reported as `listed`.
# Values are not expanded, so that a wrong mydomain is one fault and not two. A program of Postfix
# sleeps for a second before it ends with a fatal error. postconf does so if inet_interfaces names
# an address of another host, unless it is told another value. Then main.cf itself is asked.
. ./say.sh
. ./at-boot.sh

cf=$1 unit=$2 running_unit=$3
shift 3
if [ ! -e "$cf" ]; then say no-file echo yes; fi
say enabled at_boot "$unit" "$running_unit"
say active systemctl is-active "$running_unit"
say by-hand pgrep -o -x master
say listens ss -ltnH 'sport = :25'
settings=$(postconf -n 2>&1) && is_read=1 || is_read=''
[ -n "$is_read" ] || settings=$(postconf -n -o inet_interfaces= 2>&1) || :
fatal() { printf '%s\n' "$settings" | sed -n 's/^postconf: fatal: //p'; }
say fatal fatal
[ -z "$(fatal)" ] || exit 0
conf() { postconf -o inet_interfaces= "$@"; }
{
  conf myhostname mydomain mydestination smtpd_sasl_auth_enable smtpd_recipient_restrictions \
    mynetworks 2>/dev/null || :
} | sed 's/ = */\t/'
interfaces() {
  if [ -n "$is_read" ]; then postconf -h inet_interfaces; else
    sed -n 's/^inet_interfaces[[:space:]]*=[[:space:]]*//p' "$cf"
  fi
}
say inet_interfaces interfaces
# What smtpd gets from master.cf counts more than main.cf.
{ conf -P 'smtp/inet/*' 2>/dev/null || :; } | sed 's|^smtp/inet/|override\t|'
# Values by which AUTH or the whole server may be missing although main.cf has the book's lines.
printf '%s\n' "$settings" | sed -n 's/^\(inet_protocols\|smtpd_[a-z_]*\) =/also\t\1 =/p'
# The services without which smtpd does not answer.
services=$(conf -M 2>/dev/null) || :
lacks() {
  for name in rewrite cleanup proxymap; do
    printf '%s\n' "$services" | grep -q "^$name  *unix " || echo "$name/unix"
  done
}
say lacks lacks
if printf '%s\n' "$services" | grep -q '^smtp  *inet '; then say service echo smtp/inet; fi
printf '%s\n' "$settings" |
  sed -n 's/.*unused parameter: /unused\t/p; /^inet_interfaces =/d; s/^\([a-z0-9_]*\) =.*/set\t\1/p'
say set sed -n 's/^\(inet_interfaces\)[[:space:]]*=.*/\1/p' "$cf"
listed() {
  for word in $(conf -hx mydestination | tr ',' ' '); do
    for domain do
      case $word in
        /*) grep -qxiF -- "$domain" "$word" && echo "$domain" ;;
        *:/*) postmap -q "$domain" "$word" >/dev/null && echo "$domain" ;;
      esac
    done
  done
}
say listed listed "$@"
say written stat -c %Y "$cf"
qmgr=$(pgrep -o -x qmgr || :)
if [ -n "$qmgr" ]; then
  # Against a process of this moment, and not by ps: in a container that has lxcfs, the uptime
  # that ps takes is the container's own, while processes count from the machine's start.
  age=$((($(cut -d ' ' -f 22 /proc/self/stat) - $(cut -d ' ' -f 22 "/proc/$qmgr/stat")) / 100))
  say started echo $(($(date +%s) - age))
fi
