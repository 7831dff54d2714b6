"""What is done inside a machine that Vagrant made: logins, keys, clock, the way out.

The scripts are constant; values come as arguments. `PREPARE` runs through Vagrant's own SSH
before any key is pinned and prints the keys to pin; the rest runs over the pinned connection.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from ipaddress import IPv4Network

from labctl.endpoint import Endpoint
from labctl.quote import shell_line
from labctl.remote import Remote

# The box's own host keys are public knowledge: every machine gets new ones.
PREPARE = r"""
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
done
printf '%s\n' "$name" >/etc/hostname
hostname "$name"
printf '127.0.0.1 localhost\n%s %s %s\n' "$address" "$fqdn" "$name" >/etc/hosts
if ! [ -e /etc/ssh/sshd_config.d/10-labctl.conf ]; then
  rm -f /etc/ssh/ssh_host_*
  ssh-keygen -q -t ed25519 -N '' -C "root@$name" -f /etc/ssh/ssh_host_ed25519_key
  printf 'HostKey /etc/ssh/ssh_host_ed25519_key\nPermitRootLogin prohibit-password\nUseDNS no\n' \
    >/etc/ssh/sshd_config.d/10-labctl.conf
  systemctl reload-or-restart ssh
fi
# Updates in the background would hold apt's lock when a class begins.
systemctl -q disable --now apt-daily.timer apt-daily-upgrade.timer 2>/dev/null || :
systemctl -q disable --now unattended-upgrades.service 2>/dev/null || :
command -v nft >/dev/null || { apt-get -q update && apt-get -qy install nftables; } >&2
printf 'labctl-hostkey %s\n' "$(cut -d' ' -f1,2 /etc/ssh/ssh_host_ed25519_key.pub)"
for file in /run/systemd/resolve/resolv.conf /etc/resolv.conf; do
  [ -e "$file" ] || continue
  sed -n 's/^nameserver *\([0-9.]*\) *$/labctl-resolver \1/p' "$file"
  break
done
"""

_SETTLE = r"""
seconds="$1" filter="$2"
[ -z "$seconds" ] || date -u -s "@$seconds" >/dev/null
install -d -m 755 /etc/labctl
printf '%s\n' "$filter" >/etc/labctl/net.nft
cat >/etc/systemd/system/labctl-net.service <<'UNIT'
[Unit]
Description=The lab's way out
DefaultDependencies=no
Before=network-pre.target
Wants=network-pre.target
After=local-fs.target
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=nft -f /etc/labctl/net.nft
[Install]
WantedBy=multi-user.target
UNIT
nft -f /etc/labctl/net.nft
[ -e /etc/systemd/system/multi-user.target.wants/labctl-net.service ] ||
  systemctl -q enable labctl-net.service
"""

# What package installation needs while the way out is open: HTTP and HTTPS, names, time.
_WAY_OUT = """
    tcp dport { 53, 80, 443 } accept
    udp dport { 53, 123 } accept"""

_FILTER = """table inet labctl
delete table inet labctl
table inet labctl {{
  chain output {{
    type filter hook output priority -10; policy accept;
    oifname "lo" accept
    ct state established,related accept
    tcp sport 22 accept
    ip daddr {network} accept
    ip6 daddr {{ fe80::/10, ff00::/8 }} accept
    udp dport 67 accept
    tcp dport 25 reject with tcp reset{way_out}
    reject with icmpx type admin-prohibited
  }}
}}"""


@dataclass(frozen=True)
class Prepared:
    """What PREPARE printed: public host keys, and the name servers of the machine."""

    host_keys: tuple[str, ...]
    resolvers: tuple[str, ...]


def read_prepared(output: str) -> Prepared:
    words = [line.strip().partition(" ") for line in output.splitlines()]
    return Prepared(
        host_keys=tuple(value for key, _, value in words if key == "labctl-hostkey"),
        resolvers=tuple(value for key, _, value in words if key == "labctl-resolver"),
    )


def quoted(*values: str) -> tuple[str, ...]:
    """Arguments as they must stand on the command line of `vagrant ssh --command`."""
    return tuple(shell_line([value]) for value in values)


def filter_rules(network: IPv4Network, is_open: bool) -> str:
    """A table of the lab's own for nft(8): nothing leaves but to the lab and, while open, what
    package installation needs. TCP 25 never does. Answers to who came in (SSH) always go out;
    by port too, for a connection older than the table looks new to it.
    """
    return _FILTER.format(network=network, way_out=_WAY_OUT if is_open else "")


def settle(endpoint: Endpoint, network: IPv4Network, is_open: bool, *, clock: bool) -> None:
    """Puts the machine's way out, and where `clock` is set its clock, as they shall be."""
    with Remote(endpoint) as remote:
        seconds = f"{time.time():.3f}" if clock else ""
        remote.script(_SETTLE, seconds, filter_rules(network, is_open), timeout=120)


def await_booted(endpoint: Endpoint) -> None:
    """Waits until systemd has started everything, or given up on something."""
    with Remote(endpoint) as remote:
        remote.run(["systemctl", "is-system-running", "--wait"], check=False, timeout=600)
