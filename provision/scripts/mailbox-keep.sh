#!/bin/sh
# Usage: mailbox-keep.sh USER
# Copy the user's mailbox, ~/mbox, ~/dead.letter and the mailbox that main.cf names to a new folder,
# and note what is absent. Print the folder, and then the lock file of the mailbox if it is older
# than a delivery takes.
. ./mbox.sh

# A program at work gives the lock back.
looks=0
while [ -e "/var/mail/$1.lock" ] && [ -z "$(old_lock "$1")" ] && [ "$looks" -lt 40 ]; do
  nap
done
# Without room for the copies nothing is kept, and the status is that of sysexits.h for it.
kept=''
no_room() {
  [ -z "$kept" ] || rm -rf "$kept"
  exit 73
}
kept=$(mktemp -d /var/tmp/labctl-mailtest.XXXXXXXX) || no_room
home=$(home_of "$1")

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
echo "$kept"
old_lock "$1"
