#!/bin/sh
# Print what a host looks like, as labctl.manifest.parse reads it: links that systemd follows at
# boot, units, accounts, groups, checksums of passwords, and /etc. The contents of secret files
# stay on the host: only their checksums are printed.
cd /

# found TEST...: find in /etc, without what programs write from other things that are compared
# anyway (lists of packages, services and accounts).
found() {
  find etc -xdev \( \
    -path etc/ssl/certs -o -path etc/alternatives -o -path 'etc/rc?.d' -o -path etc/ld.so.cache \
    -o -path etc/mtab -o -path etc/.pwd.lock -o -path etc/machine-id -o -path etc/adjtime \
    -o -path 'etc/systemd/system/*.wants' -o -path '*.db' -o -path etc/passwd \
    -o -path etc/passwd- -o -path etc/group -o -path etc/group- -o -path 'etc/subuid*' \
    -o -path 'etc/subgid*' \) -prune -o \( "$@" \) -print0
}

# secret TEST...: the same for files with the name of a secret. `! ` in front of the tests means
# all other files.
secret() {
  found "$@" \( \
    -path '*/shadow*' -o -path '*/gshadow*' -o -path '*/opasswd*' -o -path '*.key' \
    -o -path '*_key' -o -path '*.pem' -o -path '*.keytab' -o -path '*secret*' \
    -o -path '*/sasldb2' -o -path '*/sasl_passwd*' -o -path '*/ssl/private/*' \)
}

# Only the folders that this system has.
for folder in etc/systemd/system etc/rc2.d etc/rcS.d; do
  [ ! -d "$folder" ] || find "$folder" -type l -printf 'link\t%p\t%l\n'
done
systemctl list-units --all --type=service,socket,timer --no-legend --plain |
  while read -r unit _load active _rest; do printf 'unit\t%s\t%s\n' "$unit" "$active"; done
getent passwd | sed 's/^/account\t/'
getent group | sed 's/^/group\t/'
getent passwd | while IFS=: read -r name _x uid _rest; do
  if [ "$uid" -eq 0 ] || { [ "$uid" -ge 1000 ] && [ "$uid" -lt 60000 ]; }; then
    printf 'password\t%s\t%s\n' "$name" "$(getent shadow "$name" | cut -d: -f2 | sha256sum)"
  fi
done
# Files of 256 KiB and more are compared by their checksums too (find counts in 512 bytes).
{ secret -type f; found -type f -size +512; } | sort -zu | xargs -0 -r sha256sum -z |
  tr '\0' '\n' | sed 's/^\([0-9a-f]*\)  /hidden\t\1\t/'
printf 'files\t'
secret \( -type l -o -type f -size -513 \) ! | tar --null -T - --no-recursion -cf - |
  gzip -1 | base64 -w 0
echo
