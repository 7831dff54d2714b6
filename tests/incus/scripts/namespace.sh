# Prepares new mount, network and PID namespaces for incusd, then keeps it running.
#
#   namespace.sh FOLDER
#
# FOLDER gets the daemon's state and logs. The network namespace needs a /sys of its own: Incus
# reads the interfaces there. This shell is PID 1 of the namespace, so it reaps what is orphaned.
folder=$1

ip link set lo up
mount -t sysfs sysfs /sys
mount -t tmpfs -o mode=755 cgroup /sys/fs/cgroup
if grep -q '^cpu	' /proc/cgroups && [ -e "$folder/hybrid" ]; then
  while read -r where controllers; do
    mkdir "/sys/fs/cgroup/$where"
    mount -t cgroup -o "$controllers" cgroup "/sys/fs/cgroup/$where"
  done <"$folder/hybrid"
  mkdir /sys/fs/cgroup/unified
  mount -t cgroup2 cgroup2 /sys/fs/cgroup/unified
else
  umount /sys/fs/cgroup
  mount -t cgroup2 cgroup2 /sys/fs/cgroup
fi
# Sockets and locks of a daemon that this machine itself runs stay out of sight.
mount -t tmpfs -o mode=755 tmpfs /run
mkdir -p /var/lib/lxcfs
lxcfs /var/lib/lxcfs >"$folder/lxcfs.log" 2>&1 &
while :; do
  # Ends with the namespace; a daemon that a test kills comes back when the test asks for it.
  /usr/libexec/incus/incusd --group root >>"$folder/incusd.log" 2>&1 || :
  while [ -e "$folder/down" ]; do sleep 0.05; done
done
