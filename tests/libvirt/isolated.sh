# Run a command with a libvirt of its own, of which nothing is left afterwards.
# Usage, as root in new mount, network and process namespaces: sh isolated.sh COMMAND...
# Everything that libvirt keeps is on file systems that end with the namespace.
ip link set lo up
# The interfaces in /sys are those of the network namespace in which it was mounted.
groups=$(mktemp -d)
mount --rbind /sys/fs/cgroup "$groups"
mount -t sysfs sysfs /sys
mount --rbind "$groups" /sys/fs/cgroup
mount -t tmpfs tmpfs /run
mkdir -p /run/lock /run/libvirt
settings=$(mktemp -d)
cp -a /etc/libvirt/. "$settings"
mount -t tmpfs tmpfs /etc/libvirt
cp -a "$settings"/. /etc/libvirt
rm -rf "$settings" /etc/libvirt/qemu/networks/autostart/*
# QEMU reads the box's kernel in the cache of root, and there is no security driver in a namespace.
printf 'user = "root"\ngroup = "root"\nsecurity_driver = "none"\nnamespaces = []\n' \
  >>/etc/libvirt/qemu.conf
mkdir -p /var/lib/libvirt /var/log/libvirt
disks=$(mktemp -d -p /var/tmp)
mount --bind "$disks" /var/lib/libvirt
mkdir -p /var/lib/libvirt/images /var/lib/libvirt/qemu /var/lib/libvirt/dnsmasq
virtlogd -d
libvirtd -d
"$@"
status=$?
umount /var/lib/libvirt
rm -rf "$disks"
exit "$status"
