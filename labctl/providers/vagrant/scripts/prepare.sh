# Turn a machine of the box into a host of the lab. Prints what labctl must know: the keys to pin,
# the name servers, the addresses, and each user whom Vagrant's public key still lets in.
# Arguments: admin login, address, full name, short name, labctl's public key.
admin="$1" address="$2" fqdn="$3" name="$4" key="$5"
id "$admin" >/dev/null 2>&1 || useradd --create-home --shell /bin/bash "$admin"
printf '%s ALL=(ALL) NOPASSWD: ALL\n' "$admin" >/etc/sudoers.d/labctl
chmod 440 /etc/sudoers.d/labctl
for user in "$admin" root; do
  home=$(getent passwd "$user" | cut -d: -f6)
  install -d -m 700 -o "$user" -g "$user" "$home/.ssh"
  touch "$home/.ssh/authorized_keys"
  grep -qxF "$key" "$home/.ssh/authorized_keys" ||
    printf '%s\n' "$key" >>"$home/.ssh/authorized_keys"
  chmod 600 "$home/.ssh/authorized_keys"
  chown "$user:$user" "$home/.ssh/authorized_keys"
  # With SELinux, sshd reads only keys that have their own label.
  ! command -v restorecon >/dev/null || restorecon -R "$home/.ssh"
done
printf '%s\n' "$name" >/etc/hostname
hostname "$name"
printf '127.0.0.1 localhost\n%s %s %s\n' "$address" "$fqdn" "$name" >/etc/hosts
# The box's own host keys are public knowledge: every machine gets new ones.
if ! [ -e /etc/ssh/sshd_config.d/10-labctl.conf ]; then
  rm -f /etc/ssh/ssh_host_*
  ssh-keygen -q -t ed25519 -N '' -C "root@$name" -f /etc/ssh/ssh_host_ed25519_key
  printf 'HostKey /etc/ssh/ssh_host_ed25519_key\nPermitRootLogin prohibit-password\nUseDNS no\n' \
    >/etc/ssh/sshd_config.d/10-labctl.conf
  # Debian and Ubuntu call the unit ssh, AlmaLinux and its relatives sshd.
  unit=ssh
  systemctl cat ssh.service >/dev/null 2>&1 || unit=sshd
  systemctl reload-or-restart "$unit"
fi
# Updates in the background would hold the lock of apt or dnf when a class begins.
systemctl -q disable --now apt-daily.timer apt-daily-upgrade.timer 2>/dev/null || :
systemctl -q disable --now unattended-upgrades.service 2>/dev/null || :
systemctl -q disable --now dnf-makecache.timer 2>/dev/null || :
if ! command -v nft >/dev/null; then
  if command -v apt-get >/dev/null; then
    apt-get -q update && apt-get -qy install nftables
  else
    dnf -qy install nftables
  fi >&2
fi
printf 'labctl-hostkey %s\n' "$(cut -d' ' -f1,2 /etc/ssh/ssh_host_ed25519_key.pub)"
for file in /run/systemd/resolve/resolv.conf /etc/resolv.conf; do
  [ -e "$file" ] || continue
  sed -n 's/^nameserver *\([0-9.]*\) *$/labctl-resolver \1/p' "$file"
  break
done
ip -o -4 address show | sed -n 's/.* inet \([0-9.]*\).*/labctl-address \1/p'
# The two key pairs that Vagrant publishes (https://github.com/hashicorp/vagrant/tree/main/keys).
getent passwd | while IFS=: read -r user _ _ _ _ home _; do
  if grep -qsF -e AAAAB3NzaC1yc2EAAAABIwAAAQEA6NF8iallvQVp22WDkTkyrtvp9eWW6A8YVr \
    -e AAAAC3NzaC1lZDI1NTE5AAAAIN1YdxBpNlzxDqfJyw/QKow1F+wvG9hXGoqiysfJOn5Y \
    "$home/.ssh/authorized_keys"; then
    printf 'labctl-insecure %s\n' "$user"
  fi
done
