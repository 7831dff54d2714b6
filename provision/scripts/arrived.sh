# shellcheck shell=sh
# What has arrived in a mailbox. Include this file; it does nothing by itself.
. ./mbox.sh

# sender TOKEN USER HOME: the From line of the message, if it has arrived.
sender() {
  [ ! -f "/var/mail/$2" ] || awk -v start="$START" -v token="$1" '
    BEGIN { blank = 1 }
    blank && $0 ~ start { header = 1; from = ""; hit = 0 }
    header && tolower($1) == "from:" { from = $0 }
    header && index($0, token) && $0 !~ /^Received:/ { hit = 1 }
    { blank = $0 == ""; if (blank) { if (header && hit) print from; header = 0 } }' "/var/mail/$2"
  # shellcheck disable=SC2013  # a Maildir's file names have no blanks
  for file in $(grep -rlsF -- "$1" "$3/Maildir/new" "$3/Maildir/cur"); do
    sed -n '/^[Ff]rom:/p;/^$/q' "$file"
  done
}
