#!/bin/sh
# Usage: mail-command.sh USER
# Comment out MAIL in the files of the user's shell. With MAIL set, `mail` reads another mailbox
# than Postfix fills.
. ./change.sh

home=$(getent passwd "$1" | cut -d: -f6)
[ -n "$home" ] || exit 0
setting='^[[:space:]]*\(export[[:space:]]\{1,\}\)\{0,1\}MAIL='
for file in "$home/.profile" "$home/.bash_profile" "$home/.bashrc"; do
  if grep -q "$setting" "$file" 2>/dev/null; then
    sed -i "s/$setting/# labctl: &/" "$file"
    changed cleared-mail "$file"
  fi
done
