"""What may leave a Vagrant machine: a packet filter on the machine itself, set with its clock."""

from __future__ import annotations

import time
from ipaddress import IPv4Network

from labctl.endpoint import Endpoint
from labctl.remote import Remote
from labctl.scripts import Script

_SET = Script("labctl.providers.vagrant", "way-out.sh")

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


def filter_rules(network: IPv4Network, is_open: bool) -> str:
    """The packet filter for nft(8).

    Only traffic within the lab and, while open, for package installation may leave. TCP 25 never
    leaves. Answers to incoming SSH are always allowed, also by port, because a connection that is
    older than the table looks new to it.
    """
    return _FILTER.format(network=network, way_out=_WAY_OUT if is_open else "")


def set_way_out(endpoint: Endpoint, network: IPv4Network, is_open: bool, *, clock: bool) -> None:
    """Set the machine's way out, and its clock if `clock` is true."""
    with Remote(endpoint) as remote:
        seconds = f"{time.time():.3f}" if clock else ""
        remote.script(_SET, seconds, filter_rules(network, is_open), timeout=120)
