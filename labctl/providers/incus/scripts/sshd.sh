# sshd for one connection on standard input and output, whatever the host's own sshd is set to.
# Without UsePAM=no a login takes 40 s if the resolver is dead, as it is in a broken DNS lab.
# One line without quotes: on Windows it is a part of ssh's ProxyCommand.
[ -d /run/sshd ] || mkdir -m 755 /run/sshd; exec /usr/sbin/sshd -i -f /dev/null -o UsePAM=no -o UseDNS=no -o PasswordAuthentication=no -o PermitRootLogin=prohibit-password -o HostKey=/etc/ssh/ssh_host_ed25519_key
