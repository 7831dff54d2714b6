#!/bin/sh
# Usage: smtp-auth-check.sh UNIT DEFAULTS CONF MUX CHROOT GROUP
# smtpd looks for saslauthd's socket at MUX. master.cf decides whether that is below CHROOT. CONF
# is where Postfix looks for smtpd.conf; other places are reported as `elsewhere` and `beside`.
. ./say.sh
. ./unit.sh
. ./pam.sh
. ./sasl-type.sh

unit=$1 defaults=$2 conf=$3 mux=$4 chroot=$5 group=$6
# The settings of the file, and each of their lines as it is.
sed -n '/^[[:space:]]*\(START\|OPTIONS\|MECHANISMS\)[[:space:]]*=/ {
  s/.*/setting\t&/p
  s/^setting\t[[:space:]]*START=/start\t/p
  s/^setting\t[[:space:]]*OPTIONS=/options\t/p
  s/^setting\t[[:space:]]*MECHANISMS=/mechanisms\t/p
}' "$defaults" 2>/dev/null || :
# Only the old start script asks for START=yes; a unit of the package's own does not.
about "$unit"
case $fragment in
  /run/*)
    if grep -q START "/etc/init.d/$unit" 2>/dev/null; then say wants-start echo yes; fi
    if [ ! -x "/etc/init.d/$unit" ]; then say not-executable echo "/etc/init.d/$unit"; fi
    ;;
esac
say enabled echo "$boot"
# One process that a signal has stopped is enough: if it has the lock, no other accepts a question.
stopped='' keeper='' is_running=''
while read -r pid state args; do
  [ -n "$pid" ] || continue
  is_running=1
  printf 'running\t%s\nargs\t%s\n' "$pid" "$args"
  keeper=${keeper:-$(sed -n '/\.service$/{ s/.*\///p; q; }' "/proc/$pid/cgroup" 2>/dev/null || :)}
  case $state in T*) stopped=saslauthd ;; esac
done <<END
$(ps -o pid=,stat=,args= -C saslauthd)
END
say frozen echo "$stopped"
# What the shell that reads its settings says of them, and why it does not run.
syntax() { sh -n "$defaults" 2>&1 | head -n 1; }
say syntax syntax
# A line may begin with the empty name of one of its functions.
why() {
  journalctl --quiet --unit="$unit" --lines=10 --output=cat _COMM=saslauthd | tail -n 1 |
    sed 's/^[[:space:]]*: //'
}
[ -n "$is_running" ] || say why why
# Somebody may run it by a unit of their own.
case $keeper in
  '' | "$unit.service") ;;
  *) printf 'keeper\t%s %s\n' "$keeper" "$(systemctl is-enabled "$keeper" 2>/dev/null)" ;;
esac
case $(postconf -F -h -o inet_interfaces= smtp/inet/chroot 2>/dev/null || echo y) in
  n) socket=$mux root= ;;
  *) socket=$chroot$mux root=$(readlink -f "$chroot") ;;
esac
say socket echo "$socket"
# A link may lead out of the chroot, where smtpd cannot follow.
case $(readlink -f "$socket") in
  "$root"/*) if [ -S "$socket" ]; then say there echo yes; fi ;;
esac
# Folders on the way to it that are mounted now, and by nothing that a boot reads.
mounted() {
  while read -r _ _ _ _ point _; do
    case $socket,$point in
      "$point"/*,"$chroot"/*)
        [ -n "$(systemctl show --value -p FragmentPath "$(systemd-escape -p --suffix=mount "$point")")" ] ||
          echo "$point"
        ;;
    esac
  done </proc/self/mountinfo
}
say mounted mounted
# shellcheck disable=SC2016  # the inner shell puts the values in
runuser -u postfix -- sh -c 'test ! -S "$1" || test ! -w "$1" || printf "allowed\tyes\n"
  path="" rest=${1#/}
  while [ "$rest" != "${rest#*/}" ]; do
    path=$path/${rest%%/*} rest=${rest#*/}
    test ! -d "$path" || test -x "$path" || { printf "closed\t%s\n" "$path"; break; }
  done' sh "$socket" 2>/dev/null || :
groups=$(id -nG postfix)
say groups echo "$groups"
# Debian's start script gives the folder to the group again, unless dpkg knows another mode of it.
closes() {
  case " $groups " in *" $group "*) return ;; esac
  override=$(dpkg-statoverride --list "${socket%/*}") || override=''
  case $override in *[1357]\ /*) ;; *) echo yes ;; esac
}
[ -z "$group" ] || say closes closes
# A link here is gone at the next boot.
say link readlink /run/saslauthd
say mode stat -c %a "$socket"
say conf cat "$conf"
if [ -e "$conf" ]; then say conf-there echo yes; fi
say elsewhere find /etc /usr/lib/sasl2 -xdev -name 'smtpd*.conf*' ! -path "$conf"
say beside ls "${conf%/*}"
# A second instance has a file of its own beside the first (README of sasl2-bin).
instances() { grep -l '^[[:space:]]*START=.*yes' "$defaults"-*; }
say instance instances
# PAM asks this file about services that have none.
pam=/etc/pam.d/smtp
[ -e "$pam" ] || pam=/etc/pam.d/other
say pam-file echo "$pam"
say pam cat "$pam"
say pam-missing missing_of "$pam"
