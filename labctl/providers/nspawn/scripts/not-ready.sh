# Print why the host does not answer yet, in systemd's words: the jobs that it works on, the units
# that failed, the state of sshd and of the interface. Then the socket of sshd and the filter before
# it: a host may say that all is well, and not answer.
systemctl list-jobs --plain --no-legend 2>&1 | grep -v waiting | head -n 4 || :
systemctl list-units --failed --plain --no-legend 2>/dev/null | head -n 2 || :
active=$(systemctl is-active ssh.service 2>/dev/null || :)
printf 'ssh.service: %s, %s\n' "$active" "$(systemctl is-enabled ssh.service 2>/dev/null || :)"
ip -brief address show dev host0 2>&1 || :
ss -ltnH 'sport = :22' 2>&1 | head -n 1 || :
iptables -S 2>/dev/null | grep -E -e '^-P INPUT|dport 22 ' || :
