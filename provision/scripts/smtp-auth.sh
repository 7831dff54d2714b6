#!/bin/sh
# Usage: smtp-auth.sh UNIT RUN_DIR GROUP DEFAULTS CHROOT CHANGED CONF_CHANGED
# Let Postfix reach saslauthd's socket in RUN_DIR, and have saslauthd run. CHANGED and
# CONF_CHANGED are set if its DEFAULTS or Postfix's smtpd.conf were written.
# `systemctl is-active saslauthd` says "active (exited)" without a saslauthd, so the process and
# its socket are looked for. The start script does not know a saslauthd with another socket
# folder and would leave it running, hence pkill.
. ./services.sh

unit=$1 run=$2 group=$3 defaults=$4 chroot=$5 is_changed=$6 conf_changed=$7
# Without a group, the package has a folder that everybody may enter.
if [ -n "$group" ]; then
  if ! getent group "$group" >/dev/null; then
    must groupadd --system "$group"
    changed added-group "$group"
  fi
  case " $(id -nG postfix) " in
    *" $group "*) ;;
    *)
      must gpasswd -a postfix "$group"
      changed added-postfix-to-group "$group"
      conf_changed=yes
      ;;
  esac
  if command -v dpkg-statoverride >/dev/null &&
    [ "$(dpkg-statoverride --list "$run" || :)" != "root $group 710 $run" ]; then
    dpkg-statoverride --quiet --force-all --remove "$run" 2>/dev/null || :
    dpkg-statoverride --quiet --force-all --add root "$group" 710 "$run"
    changed added-statoverride "$run"
  fi
  for folder in "${run%/*/*}" "${run%/*}"; do
    if [ "$(stat -c '%a %U' "$folder" 2>/dev/null)" != "755 root" ]; then
      install -d -m 755 -o root -g root "$folder"
      changed made-passable "$folder"
    fi
  done
  if [ "$(stat -c '%a %U %G' "$run" 2>/dev/null)" != "710 root $group" ]; then
    install -d -m 710 -o root -g "$group" "$run"
    changed made "$run"
  fi
fi
if [ -n "$chroot" ] && [ "$(postconf -F -h smtp/inet/chroot)" = n ]; then
  postconf -F smtp/inet/chroot=y
  changed chrooted smtpd
  restarted postfix
fi
enabled "$unit"
running() {
  pid=$(cat "$run/saslauthd.pid" 2>/dev/null) || return 1
  [ -S "$run/mux" ] && [ "$(ps -o comm= -p "$pid")" = saslauthd ]
}
if [ -n "$is_changed" ] || ! running || newer_than "$run/saslauthd.pid" "$defaults"; then
  systemctl stop "$unit"
  pkill -x saslauthd || :
  restarted "$unit"
  running || fail start "$unit" "$(why_not "$unit" "$since" "no process with $run/mux")"
fi
if [ -n "$conf_changed" ] && pgrep -x smtpd >/dev/null; then
  must postfix reload
  changed reloaded postfix
fi
