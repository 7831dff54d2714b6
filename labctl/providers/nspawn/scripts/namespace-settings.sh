# Runs in a lab's network namespace: packets pass between the bridge and the uplink, no IPv6.
echo 1 >/proc/sys/net/ipv4/ip_forward
for name in all default; do
  file=/proc/sys/net/ipv6/conf/$name/disable_ipv6
  if [ -e "$file" ]; then
    echo 1 >"$file"
  fi
done
