#!/bin/sh
# Usage: leave-lock.sh USER
# Wait until Postfix is dead, and lock the user's mailbox as a delivery that is killed leaves it.
while pgrep -x master >/dev/null || pgrep -x local >/dev/null; do sleep 0.02; done
: >"/var/mail/$1.lock"
