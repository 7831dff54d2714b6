#!/bin/sh
# Usage: ufw.sh CHANGED PROTOCOL:PORT...
# Switch ufw on with these ports open. CHANGED is set if its files were written. The kernel is
# asked and not ufw, because the loaded rules count. The rules of the lab's ports can be replaced
# alone. A chain INPUT other than ufw's own, or another policy than ufw's own, means that ufw has to
# be started again.
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
-A INPUT -j ufw-track-input" ] || return 1
  case $(iptables -S OUTPUT) in "-P OUTPUT ACCEPT"*) ;; *) return 1 ;; esac
}
# What happens to a packet that no rule fits. `ufw default` writes it here.
policies() {
  own='INPUT_POLICY="DROP"|OUTPUT_POLICY="ACCEPT"' file=/etc/default/ufw
  [ "$(grep -cxE "DEFAULT_($own)" "$file")" != 2 ] || return 0
  sed -i 's/^\(DEFAULT_INPUT_POLICY\)=.*/\1="DROP"/; s/^\(DEFAULT_OUTPUT_POLICY\)=.*/\1="ACCEPT"/' "$file"
  changed wrote "$file"
}
wanted="-N ufw-user-input"
for rule do
  wanted="$wanted
-A ufw-user-input -p ${rule%:*} -m ${rule%:*} --dport ${rule#*:} -j ACCEPT"
done
enabled ufw
policies
if ! hooked; then
  if iptables -S ufw-user-input >/dev/null 2>&1; then must /lib/ufw/ufw-init flush-all; fi
  must /lib/ufw/ufw-init start quiet
  changed started ufw
elif [ -n "$is_changed" ] || ! loaded; then
  iptables-restore -n </etc/ufw/user.rules
  if [ -e /proc/net/if_inet6 ]; then ip6tables-restore -n </etc/ufw/user6.rules; fi
  changed reloaded ufw
fi
