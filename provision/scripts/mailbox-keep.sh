#!/bin/sh
# Usage: mailbox-keep.sh USER...
# Copy each user's mailbox, ~/mbox, ~/dead.letter and the mailbox that main.cf names to a new folder,
# and note what is absent. Print `kept` with the folder of each, in the order of the users, and
# `locked` with the user's name if the mailbox has a lock file that is older than a delivery takes.
. ./mbox.sh

# Without room for the copies nothing is kept, and the status is that of sysexits.h for it.
made=''
no_room() {
  for folder in $made; do rm -rf "$folder"; done
  exit 73
}

# await_unlocked USER: a program at work gives the lock back.
await_unlocked() {
  looks=0
  while [ -e "/var/mail/$1.lock" ] && [ -z "$(old_lock "$1")" ] && [ "$looks" -lt 40 ]; do
    nap
  done
}

# keep FILE NAME: copy the file to the folder under this name.
keep() {
  if [ -f "$1" ] && [ ! -L "$1" ]; then
    cp -p "$1" "$kept/$2" || no_room
  else
    : >"$kept/$2.absent"
  fi
  # A lock that nobody gives back, to tell it from one of a program at work.
  if [ -e "$1.lock" ]; then stat -c '%i %Z' "$1.lock" >"$kept/$2.locked"; fi
}

# keep_all USER: everything of one user.
keep_all() {
  await_unlocked "$1"
  kept=$(mktemp -d /var/tmp/labctl-mailtest.XXXXXXXX) || no_room
  made="$made $kept"
  home=$(home_of "$1")
  keep "/var/mail/$1" inbox
  keep "$home/mbox" mbox
  keep "$home/dead.letter" dead.letter
  filled=$(filled "$1" "$home")
  case $filled in
    */) [ -e "$filled" ] || : >"$kept/filled.absent" ;;
    ?*) keep "$filled" filled ;;
  esac
  { printf '%s\n' "$filled" >"$kept/filled-place"; } 2>/dev/null || no_room
  { ls /var/mail >"$kept/boxes"; } 2>/dev/null || no_room
  for folder in mail Maildir; do
    if [ -n "$home" ] && [ ! -e "$home/$folder" ]; then
      : >"$kept/$folder.absent"
    fi
  done
  echo "kept $kept"
  [ -z "$(old_lock "$1")" ] || echo "locked $1"
}
for user do keep_all "$user"; done
