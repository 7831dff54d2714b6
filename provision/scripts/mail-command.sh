#!/bin/sh
# Usage: mail-command.sh USER PROGRAM
# Comment out MAIL in the files of the user's shell. With MAIL set, `mail` reads another mailbox
# than Postfix fills.
. ./change.sh
. ./home.sh

# Debian's s-nail brings no command `mail`.
if [ "$2" = s-nail ] && ! command -v mail >/dev/null && command -v s-nail >/dev/null; then
  ln -s "$(command -v s-nail)" /usr/local/bin/mail
  changed made /usr/local/bin/mail
fi
home=$(home_of "$1")
[ -n "$home" ] || exit 0
setting='^[[:space:]]*\(export[[:space:]]\{1,\}\)\{0,1\}MAIL='
for file in "$home/.profile" "$home/.bash_profile" "$home/.bashrc"; do
  if grep -q "$setting" "$file" 2>/dev/null; then
    sed -i "s/$setting/# labctl: &/" "$file"
    changed cleared-mail "$file"
  fi
done
