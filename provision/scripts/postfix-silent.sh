#!/bin/sh
# Usage: postfix-silent.sh SPOOL
# Report what `postfix check` says. It makes the folders of a Postfix that never ran, so only
# one that ran is asked. A difference between the chroot's resolv.conf and the host's is no fault
# of main.cf, and a misspelt name is found by the parameter that is then missing. That Postfix has
# defaults of an older version is a note (COMPATIBILITY_README). The command speaks to a terminal
# only; script(1) is one for it.
if [ -e "$1/pid/master.pid" ]; then
  { script -qec 'postfix check' /dev/null </dev/null 2>&1 || echo "exit $?"; } |
    tr -d '\r' | sed '/ differ$/d; /unused parameter/d; s/^/check\t/
      /backwards-compatible\|COMPATIBILITY_README\|backwards compatibility/d'
fi
