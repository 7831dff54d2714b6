#!/bin/sh
# Usage: account.sh USER <PASSWORD
# Add the mail account if it is missing; correct its password, home folder and mailbox.
. ./change.sh
. ./account-password.sh

name=$1
IFS= read -r password
if ! getent passwd "$name" >/dev/null; then
  if getent group "$name" >/dev/null; then
    must useradd -m -s /bin/bash -g "$name" "$name"
  else
    must useradd -m -s /bin/bash "$name"
  fi
  changed added-account "$name"
  # Postfix's local delivery remembers the number of an account that had this name.
  if pgrep -x local >/dev/null; then
    must postfix reload
    changed reloaded postfix
  fi
fi
entry=$(getent passwd "$name")
home=$(echo "$entry" | cut -d: -f6)
case ${entry##*:} in
  */nologin|*/false|'')
    must usermod -s /bin/bash "$name"
    changed gave-shell "$name"
    ;;
esac
if [ -n "$(getent shadow "$name" | cut -d: -f8)" ]; then
  must chage -E -1 "$name"
  changed ended-expiry "$name"
fi
if ! has_password "$name" "$password"; then
  # A login with yescrypt, which `passwd` takes, keeps a processor busy for 30 ms, with SHA-512 for 4.
  # A class of thirty logs in hundreds of times for one grading, with passwords made at random.
  printf '%s:%s\n' "$name" "$password" | chpasswd --crypt-method SHA512
  changed set-password "$name"
fi
group=$(id -gn "$name")
if [ ! -d "$home" ]; then
  cp -r /etc/skel "$home"
  chown -R "$name:$group" "$home"
  chmod 750 "$home"
  changed made "$home"
elif [ "$(stat -c '%a %U' "$home")" != "750 $name" ]; then
  chown "$name:$group" "$home"
  chmod 750 "$home"
  changed set-owner "$home"
fi
if [ "$(stat -L -c '%a %U %G' /var/mail)" != "2775 root mail" ]; then
  chown root:mail /var/mail/
  chmod 2775 /var/mail/
  changed set-owner /var/mail
fi
box=/var/mail/$name
if [ -f "$box" ]; then
  case $(stat -c '%a %U %G' "$box") in
    "600 $name mail"|"660 $name mail") ;;
    *)
      chown "$name:mail" "$box"
      chmod 660 "$box"
      changed set-owner "$box"
      ;;
  esac
fi
