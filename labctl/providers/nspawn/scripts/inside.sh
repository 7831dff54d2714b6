# Runs in a lab's network namespace: the bridge $1 is there, packets pass between it and the
# uplink, no IPv6. Standard input has lines of ip -batch.
if [ ! -e "/proc/sys/net/ipv4/conf/$1" ]; then
  ip link add "$1" type bridge
fi
echo 1 >/proc/sys/net/ipv4/ip_forward
for name in all default; do
  file=/proc/sys/net/ipv6/conf/$name/disable_ipv6
  if [ -e "$file" ]; then
    echo 1 >"$file"
  fi
done
exec ip -batch -
