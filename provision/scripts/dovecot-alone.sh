#!/bin/sh
# Usage: dovecot-alone.sh FOLDER SETTING...
# Comment out the settings in every file of Dovecot but the three that the book edits. Another
# file may overrule those: local.conf, or a person's own file in conf.d.
. ./change.sh

folder=$1
shift
names=$(printf '\\|%s' "$@")
setting="^[[:space:]]*\(${names#??}\)[[:space:]]*="
for file in "$folder/dovecot.conf" "$folder/local.conf" "$folder"/conf.d/*.conf; do
  case $file in */10-mail.conf|*/10-auth.conf|*/10-ssl.conf) continue ;; esac
  if grep -q "$setting" "$file" 2>/dev/null; then
    sed -i "s/$setting/# labctl: &/" "$file"
    changed cleared-settings "$file"
  fi
done
