#!/bin/sh
# Usage: mail-command-check.sh USER LOG SPOOL
# `mail` gives its message to a script of ours in place of sendmail. The script notes the sender,
# and nothing is sent. A `mail` other than mailutils leaves the sender's domain to Postfix.
. ./say.sh

name=$1 log=$2 spool=$3
if command -v mail >/dev/null; then say mail echo yes; fi
if mail --version 2>/dev/null | grep -qi mailutils; then
  folder=$(mktemp -d)
  trap 'rm -rf "$folder"' EXIT
  cat >"$folder/sendmail" <<'END'
#!/bin/sh
cat >/dev/null
while [ $# -gt 0 ]; do [ "$1" != -f ] || echo "$2"; shift; done >"${0%/*}/seen"
END
  chmod 755 "$folder/sendmail"
  chown -R "$name" "$folder"
  echo test | runuser -l "$name" -c \
    "mail -E 'set sendmail=sendmail:$folder/sendmail' -s test postmaster" >/dev/null 2>&1 || :
  say from cat "$folder/seen"
fi
say origin postconf -hx myorigin
say box runuser -l "$name" -c 'printenv MAIL'
say home-mailbox postconf -hx home_mailbox
home=$(getent passwd "$name" | cut -d: -f6)
elsewhere() {
  {
    cat "$home/.forward"
    # shellcheck disable=SC2046  # one word for each map
    postalias -q "$name" $(postconf -hx alias_maps)
  } | grep -vxF "$name"
}
say elsewhere elsewhere
queued() { find "$spool/deferred" "$spool/hold" -type f; }
say queue queued
say reason sed -n 's/.*status=\(deferred.*\)/\1/p' "$log"
free() { df -k --output=avail,target "$spool" /var/mail; }
say free free
say size postconf -hx message_size_limit
