"""The kinds of values in an edition or a lab file: names, addresses, versions, packages.

Each kind refuses what it does not allow with a sentence for the person who wrote the file. The
values go into paths, commands and configuration of the hosts, so this is where they are made safe.
"""

from __future__ import annotations

import re
from datetime import date
from ipaddress import IPv4Address, IPv4Network
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator

from labctl.i18n import _

_LABEL = re.compile(r"[a-z]([a-z0-9-]{0,30}[a-z0-9])?")


def _label(value: str) -> str:
    if not _LABEL.fullmatch(value):
        raise ValueError(
            _("at most 32 lower-case letters, digits and hyphens, starting with a letter")
        )
    return value


def _domain(value: str) -> str:
    for part in value.split("."):
        _label(part)
    return value


def _file_name(value: str) -> str:
    # It becomes a path on the hosts and a quoted word in BIND's configuration.
    if not re.fullmatch(r"[a-z0-9][a-z0-9._-]{0,59}", value):
        raise ValueError(_("a file name of lower-case letters, digits, dots and hyphens"))
    if value in _BIND_FILES:
        raise ValueError(_("the file {name} is BIND's own", name=value))
    return value


def _zone_file_name(value: str) -> str:
    if value.count("{domain}") != 1:
        raise ValueError(_("a file name with {domain} in it", domain="{domain}"))
    _file_name(value.replace("{domain}", "example1.test"))
    return value


def _line(value: str) -> str:
    # It is printed as it is, also on terminals and in reports.
    if not (value.strip() and value.isprintable() and len(value) <= 200):
        raise ValueError(_("one line of 1 to 200 characters"))
    return value


def _version(value: str) -> str:
    return _line(value) if value else value


def _date(value: object) -> object:
    # Pydantic reads a number as seconds since 1970.
    if isinstance(value, int | float):
        raise ValueError(_("must be a date like 2026-07-01"))
    return value


def _host_name(value: str) -> str:
    if value == "localhost":
        raise ValueError(_("localhost is every machine's own name"))
    return _label(value)


def _admin(value: str) -> str:
    if value in SYSTEM_ACCOUNTS - {"vagrant"}:
        raise ValueError(_("the account {name} is needed for something else", name=value))
    return _label(value)


def _package_name(value: str) -> str:
    # It becomes a word of a command; an option would begin with a hyphen.
    if not re.fullmatch(r"[a-zA-Z0-9][a-zA-Z0-9.+_-]{1,79}", value):
        raise ValueError(_("a package name like bind9-utils"))
    return value


# Files of BIND that the book includes or leaves alone.
_BIND_FILES = frozenset(
    {"named.conf.options", "named.conf.default-zones", "zones.rfc1918"}
    | {"named.rfc1912.zones", "named.root.key", "rndc.key", "rndc.conf", "bind.keys"}
)
# Private networks (RFC 1918).
_PRIVATE = [IPv4Network(text) for text in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")]


def _network(value: object) -> object:
    # IPv4Network also takes numbers, and `true` would be 0.0.0.1.
    example = _("a private network like 10.20.30.0/24")
    if isinstance(value, IPv4Network):
        network = value
    elif not isinstance(value, str) or "/" not in value:
        raise ValueError(example)
    else:
        try:
            network = IPv4Network(value, strict=False)
        except ValueError as error:
            raise ValueError(example) from error
        if str(network.network_address) != value.partition("/")[0].strip():
            raise ValueError(
                _("an address within {network}; write the network", network=str(network))
            )
    if not any(network.subnet_of(each) for each in _PRIVATE):
        raise ValueError(example)
    return network


def _address(value: object) -> object:
    # IPv4Address also takes numbers, and `true` would be 0.0.0.1.
    if not isinstance(value, str | IPv4Address):
        raise ValueError(_("must be an IPv4 address like 192.168.1.12"))
    return value


Label = Annotated[str, AfterValidator(_label)]
HostName = Annotated[str, AfterValidator(_host_name)]
Admin = Annotated[str, AfterValidator(_admin)]
Domain = Annotated[str, AfterValidator(_domain)]
Line = Annotated[str, AfterValidator(_line)]
Version = Annotated[str, AfterValidator(_version)]
Released = Annotated[date, BeforeValidator(_date)]
FileName = Annotated[str, AfterValidator(_file_name)]
ZoneFileName = Annotated[str, AfterValidator(_zone_file_name)]
PackageName = Annotated[str, AfterValidator(_package_name)]
PrivateNetwork = Annotated[IPv4Network, BeforeValidator(_network)]
Address = Annotated[IPv4Address, BeforeValidator(_address)]
# Accounts that a system has or that daemons of the lab get.
SYSTEM_ACCOUNTS = frozenset(
    {
        "root", "daemon", "bin", "sys", "sync", "games", "man", "lp", "mail", "news",
        "uucp", "proxy", "www-data", "backup", "list", "irc", "nobody", "bind", "named",
        "postfix", "postdrop", "sasl", "dovecot", "dovenull", "sshd", "syslog",
        "systemd-network", "messagebus", "adm", "shutdown", "halt", "operator", "ftp",
        "labctl", "vagrant",
        # Names of /etc/aliases, whose mail goes to root.
        "postmaster", "mailer-daemon", "hostmaster", "webmaster", "abuse",
    }
)  # fmt: skip
