# shellcheck shell=sh
# Where a message is: in the log, or in a mailbox. Include this file; it does nothing by itself.
. ./mbox.sh

# log_of LOG: the file of the mail log. Postfix may write one of its own (MAILLOG_README).
log_of() {
  # Without inet_interfaces, which makes a Postfix program sleep and fail if its value is wrong.
  own_log=$(postconf -hx -o inet_interfaces= maillog_file 2>/dev/null || :)
  if [ -f "$own_log" ]; then echo "$own_log"; else echo "$1"; fi
}

# queue_id TOKEN: the queue id of the message, from lines of the log on standard input. A message that
# a filter stops at its subject has no other line.
queue_id() {
  sed -n "s/.* \([0-9A-Za-z]*\): message-id=<$1>.*/\1/p
    s/.* \([0-9A-Za-z]*\): [a-z]*: header .* $1 .*/\1/p" | tail -n 1
}

# sender TOKEN USER HOME PLACE: the From line of the message, if it has arrived. PLACE is the mailbox
# that main.cf names, if it does (filled).
sender() {
  for box in "/var/mail/$2" "$4"; do
    [ ! -f "$box" ] || sender_in_box "$1" "$box"
  done
  place=${4%/}
  [ "$place" != "$3/Maildir" ] || place=''
  # shellcheck disable=SC2013  # a Maildir's file names have no blanks
  for file in $(grep -rlsF -- "$1" "$3/Maildir/new" "$3/Maildir/cur" \
    "${place:-/none}/new" "${place:-/none}/cur"); do
    sed -n '/^[Ff]rom:/p;/^$/q' "$file"
  done
}
sender_in_box() {
  awk -v start="$START" -v token="$1" '
    BEGIN { blank = 1 }
    blank && $0 ~ start { header = 1; from = ""; hit = 0 }
    header && tolower($1) == "from:" { from = $0 }
    header && index($0, token) && $0 !~ /^Received:/ { hit = 1 }
    { blank = $0 == ""; if (blank) { if (header && hit) print from; header = 0 } }' "$2"
}
