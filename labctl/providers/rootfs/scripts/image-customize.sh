#!/bin/sh
# Usage: image-customize.sh ADMIN
# Runs once in the root of a new image. ADMIN is the login that administers the hosts. What a
# container does not need is masked: a boot then takes a third less time. `.updated` says that
# /etc and /var fit this /usr (systemd-update-done.service(8)).
admin=$1
useradd --create-home --shell /bin/bash --groups sudo,adm -- "$admin"
printf '%s ALL=(ALL:ALL) NOPASSWD: ALL\n' "$admin" >/etc/sudoers.d/90-lab
chmod 440 /etc/sudoers.d/90-lab
printf 'UseDNS no\nPermitRootLogin prohibit-password\n' >/etc/ssh/sshd_config.d/lab.conf
rm -f /etc/ssh/ssh_host_* /etc/hostname /etc/resolv.conf
: >/etc/machine-id
systemctl enable systemd-networkd.service
systemctl mask apt-daily.timer apt-daily-upgrade.timer e2scrub_all.timer fstrim.timer \
  systemd-logind.service systemd-network-generator.service systemd-pstore.service \
  systemd-remount-fs.service systemd-journal-flush.service systemd-update-utmp-runlevel.service \
  e2scrub_reap.service dev-hugepages.mount dev-mqueue.mount
mkdir /etc/systemd/system-generators
for name in cryptsetup debug fstab getty gpt-auto hibernate-resume integritysetup rc-local run \
  system-update veritysetup; do
  ln -s /dev/null "/etc/systemd/system-generators/systemd-$name-generator"
done
touch /etc/.updated /var/.updated
