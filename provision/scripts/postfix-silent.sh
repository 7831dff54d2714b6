#!/bin/sh
# Usage: postfix-silent.sh SPOOL
# Report what `postfix check` says, by its part that only looks (check-warn in postfix-script). The
# other part makes missing folders and scans the queue, as every start of Postfix does; it would
# repair what a check looks for, and it takes three quarters of the time. A Postfix that never ran
# has no folders yet. A difference between the chroot's resolv.conf and the host's is no fault
# of main.cf, and a misspelt name is found by the parameter that is then missing. That Postfix has
# defaults of an older version is a note (COMPATIBILITY_README). A message may leave its queue while
# find(1) looks at it. The command speaks to a terminal only; script(1) is one for it.
if [ -e "$1/pid/master.pid" ]; then
  { script -qec 'postfix check-warn' /dev/null </dev/null 2>&1 || echo "exit $?"; } |
    tr -d '\r' | sed "\\|^find: .*$1/[a-z]*/.*No such file|d"'
      / differ$/d; /unused parameter/d; s/^/check\t/
      /backwards-compatible\|COMPATIBILITY_README\|backwards compatibility/d'
fi
