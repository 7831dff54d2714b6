#!/bin/sh
# Usage: mailbox-free.sh USER
# Remove the lock of the user's mailbox if a delivery that was killed has left it.
. ./mbox.sh

if dead_lock "/var/mail/$1"; then rm -f "/var/mail/$1.lock"; fi
