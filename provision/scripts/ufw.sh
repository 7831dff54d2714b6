#!/bin/sh
# Usage: ufw.sh CHANGED PROTOCOL:PORT...
# Switch ufw on with these ports open. CHANGED is set if its files were written. The kernel is
# asked and not ufw, because the loaded rules count. The rules of the lab's ports can be replaced
# alone. A chain INPUT other than ufw's own means that ufw has to be started again.
. ./services.sh

is_changed=$1
shift
loaded() {
  rules=$(iptables -S ufw-user-input 2>/dev/null) && [ "$rules" = "$wanted" ]
}
hooked() {
  [ "$(iptables -S INPUT)" = "-P INPUT DROP
-A INPUT -j ufw-before-logging-input
-A INPUT -j ufw-before-input
-A INPUT -j ufw-after-input
-A INPUT -j ufw-after-logging-input
-A INPUT -j ufw-reject-input
-A INPUT -j ufw-track-input" ]
}
wanted="-N ufw-user-input"
for rule do
  wanted="$wanted
-A ufw-user-input -p ${rule%:*} -m ${rule%:*} --dport ${rule#*:} -j ACCEPT"
done
enabled ufw
if ! hooked; then
  if iptables -S ufw-user-input >/dev/null 2>&1; then must /lib/ufw/ufw-init flush-all; fi
  must /lib/ufw/ufw-init start quiet
  changed started ufw
elif [ -n "$is_changed" ] || ! loaded; then
  iptables-restore -n </etc/ufw/user.rules
  if [ -e /proc/net/if_inet6 ]; then ip6tables-restore -n </etc/ufw/user6.rules; fi
  changed reloaded ufw
fi
