#!/bin/sh
# Usage: stranger.sh ADDRESS SENDER OTHER_SENDER RECIPIENT SECONDS
# Asks the mail server at ADDRESS of this host to accept a message for RECIPIENT from either sender,
# the second time under the name of RECIPIENT's mail server.
# The questions come from a network namespace with an address outside of the lab, and no message is
# sent. Each reply of the server is a line of the output. Other ports of master.cf for SMTP come behind
# a line "--" each.
address=$1 sender=$2 other=$3 recipient=$4 seconds=$5
unshare --net sleep 60 &
there=$!
clean() {
  kill "$there" 2>/dev/null || :
  wait "$there" 2>/dev/null || :
  # The other end goes with its namespace, in the kernel's own time.
  ip link delete labctl-out 2>/dev/null || :
}
trap clean EXIT
within() { nsenter --target "$there" --net -- "$@"; }
n=50
until [ "$(readlink "/proc/$there/ns/net")" != "$(readlink /proc/self/ns/net)" ]; do
  [ $((n -= 1)) -gt 0 ] || exit 1
  sleep 0.02
done
# A script that was killed may have left it.
ip link delete labctl-out 2>/dev/null || :
ip -batch - <<END
link add labctl-out type veth peer name labctl-in netns $there
address add 172.31.255.1/30 dev labctl-out
link set labctl-out up
END
within ip -batch - <<END
address add 172.31.255.2/30 dev labctl-in
link set labctl-in up
route add default via 172.31.255.1
END
# shellcheck disable=SC2016  # bash puts the values in.
asked='
  exec 3<>"/dev/tcp/$0/$4" || exit 1
  reply() {
    while IFS= read -r line <&3; do
      case $line in [0-9][0-9][0-9]-*) ;; *) break ;; esac
    done
    printf "%s\n" "${line%$(printf "\r")}"
  }
  tell() { printf "%s\r\n" "$1" >&3; reply; }
  reply
  tell "EHLO stranger.invalid"
  tell "MAIL FROM:<$1>"
  tell "RCPT TO:<$3>"
  tell "EHLO mail.${3#*@}"
  tell "MAIL FROM:<$2>"
  tell "RCPT TO:<$3>"
  tell QUIT
'
ask() {
  within timeout "$2" bash -c "$asked" "$address" "$sender" "$other" "$recipient" "$1" \
    2>/dev/null || :
}
ask 25 "$seconds"
# A service with TLS from the first byte says nothing to this client.
# shellcheck disable=SC2013  # names of ports have no blanks
for port in $(awk '!/^#/ && $2 == "inet" && $8 == "smtpd" { sub(/.*:/, "", $1); print $1 }' \
  /etc/postfix/master.cf 2>/dev/null); do
  case $port in smtp | 25 | smtps | submissions | 465) continue ;; esac
  echo --
  ask "$port" 2
done
