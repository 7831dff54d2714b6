"""Whom BIND's lists of addresses let in."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network

import pytest

from provision.bind_settings import lists, parsed

OWN, OTHER = IPv4Address("192.168.56.101"), IPv4Address("192.168.56.102")


@pytest.mark.parametrize(
    ("elements", "own", "other"),
    [
        ("any;", True, True),
        ("none;", False, False),
        ("localhost;", True, False),
        ("localnets;", True, True),
        ("192.168.56.102;", False, True),
        ("192.168.56.0/24;", True, True),
        ('"lab";', True, True),
        ("!192.168.56.102; any;", True, False),
        # The first element that fits decides.
        ("any; !192.168.56.102;", True, True),
        ("! { 192.168.56.102; }; localnets;", True, False),
        ('!"lab"; any;', False, False),
        ("fd00::/8;", False, False),
        ('key "transfer";', False, False),
        ("", False, False),
    ],
)
def test_a_list_lets_an_address_in(elements: str, own: bool, other: bool) -> None:
    settings = parsed(
        [
            'acl "lab" { 127.0.0.1/32; 192.168.56.0/24; };',
            f"options {{ allow-query {{ {elements} }}; }};",
        ]
    )
    named = lists(settings, OWN, IPv4Network("192.168.56.0/24"))
    options = settings.within("options")
    assert options is not None
    asked = options.within("allow-query")
    assert asked is not None
    assert named.admits(asked.body, OWN) is own
    assert named.admits(asked.body, OTHER) is other


def test_the_last_statement_of_a_name_counts() -> None:
    settings = parsed(["options { recursion yes; recursion no; };"])
    options = settings.within("options")
    assert options is not None
    recursion = options.within("recursion")
    assert recursion is not None and recursion.words == ("recursion", "no")
    assert settings.within("logging") is None
