#!/bin/sh
# Usage: postfix-kill.sh SPOOL
# Kill Postfix's master and all its children. The master is stopped first, so that it starts no
# other child meanwhile. A child may have ended by itself.
master=$(tr -d ' ' <"$1/pid/master.pid")
kill -STOP "$master"
children=$(pgrep -P "$master") || children=
# shellcheck disable=SC2086  # one word for each process
kill -KILL "$master" $children || :
