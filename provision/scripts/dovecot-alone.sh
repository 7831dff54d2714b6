#!/bin/sh
# Usage: dovecot-alone.sh FOLDER SETTING...
# Comment out the settings in every file of Dovecot but the three that the book edits. Another
# file may overrule those: local.conf, or a person's own file in conf.d.
. ./change.sh

folder=$1
shift
names=$(printf '\\|%s' "$@")
setting="^[[:space:]]*\(${names#??}\)[[:space:]]*="
# shellcheck disable=SC2013  # names of Dovecot's files have no blanks
for file in $(grep -ls "$setting" "$folder/dovecot.conf" "$folder/local.conf" "$folder"/conf.d/*.conf); do
  case $file in */10-mail.conf|*/10-auth.conf|*/10-ssl.conf) continue ;; esac
  sed -i "s/$setting/# labctl: &/" "$file"
  changed cleared-settings "$file"
done
