#!/bin/sh
# Usage: mailbox-keep.sh USER
# Copy the user's mailbox, ~/mbox and ~/dead.letter to a new folder, and note what is absent.
# Print the folder, and then the lock file of the mailbox if it is older than a delivery takes.
. ./mbox.sh

# A program at work gives the lock back.
waits=0 most=$((40 * $(patience)))
while [ -e "/var/mail/$1.lock" ] && [ -z "$(old_lock "$1")" ] && [ "$waits" -lt "$most" ]; do
  waits=$((waits + 1))
  sleep 0.1
done
kept=$(mktemp -d /var/tmp/labctl-mailtest.XXXXXXXX)
home=$(home_of "$1")
for file in "/var/mail/$1" "$home/mbox" "$home/dead.letter"; do
  if [ -f "$file" ] && [ ! -L "$file" ]; then
    cp -p "$file" "$kept/${file##*/}"
  else
    : >"$kept/${file##*/}.absent"
  fi
  # A lock that nobody gives back, to tell it from one of a program at work.
  if [ -e "$file.lock" ]; then stat -c '%i %Z' "$file.lock" >"$kept/${file##*/}.locked"; fi
done
for folder in mail Maildir; do
  if [ -n "$home" ] && [ ! -e "$home/$folder" ]; then
    : >"$kept/$folder.absent"
  fi
done
echo "$kept"
old_lock "$1"
