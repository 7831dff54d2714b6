#!/bin/sh
# Usage: foreign-mailbox.sh USER
# Give the user's mailbox to root.
box=/var/mail/$1
touch "$box"
chown root:root "$box"
chmod 600 "$box"
