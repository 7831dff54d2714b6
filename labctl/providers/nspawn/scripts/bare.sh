#!/bin/sh
# Usage: bare.sh COMMAND...
# Become the command, without this machine's variables: a host can read those of a process in it.
exec env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 TERM="${TERM:-dumb}" "$@"
