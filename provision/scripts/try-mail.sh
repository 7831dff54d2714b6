#!/bin/sh
# Usage: try-mail.sh USER LOG SPOOL SECONDS MORE OWN OWN_TOKEN PEER PEER_TOKEN ALIAS ALIAS_TOKEN
# As the user, write to OWN and PEER with `mail`, and to ALIAS with sendmail. Then wait until the
# log says what became of each message, for SECONDS at most. Wait MORE seconds for the message to
# oneself. Report what arrived here, its sender, and the lines of the log that belong to the
# messages. PEER is "" if only this host is tried.
. ./say.sh
. ./arrived.sh

user=$1 log=$(log_of "$2") spool=$3 seconds=$4 more=$5 own=$6 own_token=$7 peer=$8 peer_token=$9
shift 9
alias=$1 alias_token=$2
begun=$(date +%s%3N)
home=$(home_of "$user")
size=$(stat -c %s "$log" 2>/dev/null || echo 0)
# In memory, so that a full disk does not prevent it.
work=$(mktemp -d -p /run)
trap 'rm -rf "$work"' EXIT
rest=$work/rest

# write KEY TOKEN ADDRESS: `mail` of mailutils takes a header; others get the token in the subject.
if mail --version 2>/dev/null | grep -qi mailutils; then is_mailutils=1; else is_mailutils=''; fi
write() {
  header=''
  [ -z "$is_mailutils" ] || header="-a 'Message-ID: <$2>'"
  { echo 'labctl check' | timeout "$seconds" runuser -l "$user" -c \
      "mail -s 'labctl check $2' $header $3" >"$work/$1" 2>&1; } || echo "exit $?" >>"$work/$1"
}
send() {
  { printf 'From: %s\nSubject: labctl check %s\nMessage-ID: <%s>\n\n\n' "$own" "$2" "$2" |
    timeout "$seconds" sendmail -i -f "$own" "$3" >"$work/$1" 2>&1; } || echo "exit $?" >>"$work/$1"
}
write own-said "$own_token" "$own" &
[ -z "$peer" ] || write peer-said "$peer_token" "$peer" &
send alias-said "$alias_token" "$alias" &
wait
for key in own-said peer-said alias-said; do say "$key" cat "$work/$key"; done
# shellcheck disable=SC2046  # one word for each map
aliased() { postalias -q postmaster $(postconf -hx alias_maps); }
say alias aliased

# decided TOKEN: whether Postfix has delivered, deferred or bounced the message.
decided() {
  id=$(queue_id "$1" <"$rest")
  [ -n "$id" ] && grep -qF " $id: to=<" "$rest"
}
: >"$rest"
end=$((begun + seconds * 1000))
while :; do
  tail -c "+$((size + 1))" "$log" >"$rest" 2>/dev/null || :
  found_own=$(sender "$own_token" "$user" "$home")
  aliased=$(grep -lsF -- "$alias_token" /var/mail/* || :)
  if { [ -n "$found_own" ] || decided "$own_token"; } &&
    { [ -z "$peer" ] || decided "$peer_token"; } &&
    { [ -n "$aliased" ] || decided "$alias_token"; }; then break; fi
  now=$(date +%s%3N)
  [ "$now" -lt "$((begun + more * 1000))" ] || break
  # A busy machine has not come so far yet.
  [ "$now" -lt "$end" ] || { [ -z "$found_own" ] && ! decided "$own_token"; } || break
  sleep 0.1
done
say own-from echo "$found_own"
say alias-box grep -lsF -- "$alias_token" /var/mail/*
for which in own peer alias; do
  case $which in own) token=$own_token ;; peer) token=$peer_token ;; *) token=$alias_token ;; esac
  id=$(queue_id "$token" <"$rest")
  [ -z "$id" ] || say "$which-log" grep -F " $id: " "$rest"
done
say waits grep -rlsF -- "$own_token" "$spool/maildrop"
# Lines without a queue id that say what goes wrong, except those of the check's own questions.
say log sed -n '/helo=<\(stranger\|labctl\)\.invalid>/d
  /NOQUEUE\|warning: \|fatal: \|error: \|panic: /p' "$rest"
