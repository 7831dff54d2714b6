#!/bin/sh
# Usage: smtp-auth-check.sh UNIT DEFAULTS CONF MUX CHROOT
# smtpd looks for saslauthd's socket at MUX. master.cf decides whether that is below CHROOT. CONF
# is where Postfix looks for smtpd.conf; other places are reported as `elsewhere` and `beside`.
. ./say.sh
. ./at-boot.sh
. ./frozen.sh

unit=$1 defaults=$2 conf=$3 mux=$4 chroot=$5
say start sed -n 's/^[[:space:]]*START=//p' "$defaults"
# Only the old start script asks for START=yes; a unit of the package's own does not.
case $(systemctl show --value -p FragmentPath "$unit") in
  /run/*) if grep -q START "/etc/init.d/$unit" 2>/dev/null; then say wants-start echo yes; fi ;;
esac
say enabled at_boot "$unit"
say running pgrep -x saslauthd
say args ps -o args= -C saslauthd
# One of its processes is enough: the one that has the lock lets no other accept a question.
say frozen frozen saslauthd
case $(postconf -F -h -o inet_interfaces= smtp/inet/chroot 2>/dev/null || echo y) in
  n) socket=$mux root= ;;
  *) socket=$chroot$mux root=$(readlink -f "$chroot") ;;
esac
say socket echo "$socket"
# A link may lead out of the chroot, where smtpd cannot follow.
case $(readlink -f "$socket") in
  "$root"/*) if [ -S "$socket" ]; then say there echo yes; fi ;;
esac
if runuser -u postfix -- test -S "$socket"; then say allowed echo yes; fi
say groups id -nG postfix
say conf cat "$conf"
if [ -e "$conf" ]; then say conf-there echo yes; fi
say elsewhere find /etc /usr/lib/sasl2 -xdev -name 'smtpd*.conf*' ! -path "$conf"
say beside ls "${conf%/*}"
if runuser -u postfix -- test -r "$conf"; then say conf-readable echo yes; fi
# A second instance has a file of its own beside the first (README of sasl2-bin).
instances() { grep -l '^[[:space:]]*START=.*yes' "$defaults"-*; }
say instance instances
say mechanisms sed -n 's/^[[:space:]]*MECHANISMS=//p' "$defaults"
say pam cat /etc/pam.d/smtp
say type postconf -h -o inet_interfaces= smtpd_sasl_type
say path postconf -h -o inet_interfaces= smtpd_sasl_path
say override postconf -h -P -o inet_interfaces= smtp/inet/smtpd_sasl_type
