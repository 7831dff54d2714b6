#!/bin/sh
# Fill the disk of the mailboxes. It is a small one of its own, because the hosts may share their
# disk with the labctl machine.
mount -t tmpfs -o size=64k,mode=2775,gid=mail tmpfs /var/mail
head -c 1M /dev/zero >/var/mail/core 2>/dev/null || :
