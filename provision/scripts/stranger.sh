#!/bin/sh
# Usage: stranger.sh ADDRESS SENDER RECIPIENT SECONDS
# Asks the mail server at ADDRESS of this host to accept a message for RECIPIENT. The question
# comes from a network namespace with an address outside of the lab, and no message is sent. Each
# reply of the server is a line of the output.
address=$1 sender=$2 recipient=$3 seconds=$4
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
within timeout "$seconds" bash -c '
  exec 3<>"/dev/tcp/$0/25" || exit 1
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
  tell "RCPT TO:<$2>"
  tell QUIT
' "$address" "$sender" "$recipient" 2>/dev/null || :
