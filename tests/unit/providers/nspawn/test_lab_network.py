"""LabNetwork on a machine in memory: what ip(8) answers in, the commands that change it out.

`data/network.yaml` has the cases. The filters themselves are in test_rules.py.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from typing import Any

import pytest
import yaml

from labctl import dial
from labctl.errors import MachineLacks
from labctl.lab import Network
from labctl.providers.nspawn import forwarding, network
from labctl.providers.nspawn.addresses import Used
from labctl.providers.nspawn.network import LabNetwork
from labctl.providers.nspawn.rules import Ends, WayOut, rules_inside, rules_on_machine
from labctl.providers.rootfs.cgroup import Hierarchies
from labctl.quote import shell_line
from labctl.run import Completed
from labctl.scripts import Script

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="containers are Linux's")

LAB = LabNetwork(
    "0123abcd", Network(cidr=IPv4Network("192.168.56.0/24"), machine=IPv4Address("192.168.56.1"))
)
DATA = yaml.safe_load((Path(__file__).parent / "data" / "network.yaml").read_text("utf-8"))
_INSIDE = Script("labctl.providers.nspawn", "inside.sh").text
# What the kernel has to be told of the uplink.
UPLINK_SETTINGS = (
    f"net/ipv6/conf/{LAB.uplink}/disable_ipv6",
    f"net/ipv4/conf/{LAB.uplink}/forwarding",
)
# Commands that only look.
_LOOKS = ("-j", "show")


@dataclass
class IpMachine:
    """The machine's links, addresses and routes, and what was changed."""

    has: dict[str, Any]
    runs: list[str] = field(default_factory=list)
    batches: list[str] = field(default_factory=list)
    filters: list[str] = field(default_factory=list)
    # The uplink's address, once it has one.
    given: str = ""

    @property
    def uplink(self) -> str:
        told = self.has["uplink"]
        return self.given or ("" if told in (None, "none") else str(told))

    def replace_programs(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for module in ("network", "addresses"):
            monkeypatch.setattr(f"labctl.providers.nspawn.{module}.run", self.run)
        # ip-netns(8) mounts a namespace over a file with its name.
        monkeypatch.setattr("os.path.ismount", lambda path: self.has["namespace"])

    def run(self, argv: Sequence[str], *, check: bool = True, stdin: str = "") -> Completed:
        words = list(argv)
        if any(word in _LOOKS for word in words):
            said = self.look(words, stdin)
            return Completed(tuple(words), 0 if said is not None else 1, said or "", "")
        self.runs.append(named(words))
        if words[:3] == ["ip", "route", "delete"]:
            self.has["routes"] = {to: d for to, d in self.has["routes"].items() if to != words[3]}
        if words[-3:] == ["nft", "-f", "-"]:
            self.filters.append(stdin)
        if words[-2:] == ["-batch", "-"] or _INSIDE in words:
            self.batches += stdin.splitlines()
            for line in stdin.splitlines():
                if line.endswith(f"dev {LAB.uplink}") and line.startswith("address add"):
                    self.given = line.split()[2]
        return Completed(tuple(words), 0, "", "")

    def look(self, words: list[str], stdin: str) -> str | None:
        """The answer to a question, None for an error."""
        match words:
            case ["ip", "-j", "-4", "-details", "address", "show", "dev", LAB.uplink]:
                if not self.has["uplink"] and not self.given:
                    return None
                (link,) = addresses({LAB.uplink: self.uplink})
                return json.dumps([{**link, "linkinfo": {"info_kind": self.has["kind"]}}])
            case ["ip", "-j", "-4", "-batch", "-"]:
                assert stdin == "address\nroute show table main\n"
                routes = [{"dst": to, "dev": dev} for to, dev in self.has["routes"].items()]
                lists = [
                    addresses(self.has["addresses"]),
                    [{"dst": "default", "dev": "eth0"}, *routes],
                ]
                return "".join(f"{json.dumps(each)}\n" for each in lists)
            case ["ip", "-j", "-4", "link", "show", "type", "veth"]:
                return json.dumps([{"ifname": name} for name in self.has["links"]])
        raise AssertionError(shell_line(words))


def addresses(of: dict[str, str]) -> list[dict[str, Any]]:
    """As `ip -json address` lists them."""
    return [
        {
            "ifname": name,
            "addr_info": [
                {"local": each.partition("/")[0], "prefixlen": int(each.partition("/")[2])}
            ]
            if each
            else [],
        }
        for name, each in of.items()
    ]


def named(words: list[str]) -> str:
    """A command as the cases have it: `inside` is the lab's namespace, a script is its name."""
    inside = dial.inside(LAB.netns, [])
    if words[: len(inside)] == inside:
        words = ["inside", *words[len(inside) :]]
    if _INSIDE in words:
        words = ["inside", "sh", "inside.sh"]
    return shell_line(words)


@dataclass
class Outcome:
    """What a call did. `settings` are the kernel's settings of the uplink, "0" before."""

    machine: IpMachine
    forwarding: str
    settings: dict[str, str]
    reachable: bool = False


def outcome(case: dict[str, Any], monkeypatch: pytest.MonkeyPatch, folder: Path) -> Outcome:
    machine = IpMachine({**DATA["machine"], **case["has"]})
    result = Outcome(machine, "left on", {})
    settings = {name: folder / "sys" / name for name in UPLINK_SETTINGS}
    for path in settings.values():
        path.parent.mkdir(parents=True)
        path.write_text("0")
    machine.replace_programs(monkeypatch)
    monkeypatch.setattr(network, "_LOCK", folder / "lock")
    monkeypatch.setattr(network, "_NAMESPACES", folder / "netns")
    monkeypatch.setattr(network, "_SYSCTLS", folder / "sys")
    monkeypatch.setattr(forwarding, "allow", lambda: setattr(result, "forwarding", "on"))
    monkeypatch.setattr(forwarding, "put_back", lambda: setattr(result, "forwarding", "put back"))
    for lab_id in machine.has.get("running", []):
        group = folder / "cgroup" / f"labctl-{lab_id}"
        group.mkdir(parents=True)
        (group / "cgroup.events").write_text("populated 1\nfrozen 0\n")
    found = Hierarchies(folder / "cgroup", None)
    for module in ("rootfs.cgroup", "nspawn.lab_limits"):
        monkeypatch.setattr(f"labctl.providers.{module}.hierarchies", lambda: found)
    match case["call"]:
        case "create":
            result.reachable = LAB.create(None)
        case "set_filter":
            LAB.set_filter(None)
        case "remove":
            LAB.remove()
    result.settings = {name: path.read_text() for name, path in settings.items()}
    return result


@pytest.mark.parametrize("case", DATA["cases"], ids=lambda case: case["name"])
def test_the_network_is_changed_by_these_commands_only(
    case: dict[str, Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    found = outcome(case, monkeypatch, tmp_path)
    runs, batches = found.machine.runs, found.machine.batches
    ends = {}
    if found.machine.given:
        address = IPv4Address(found.machine.given.partition("/")[0])
        ends = {"machine": address, "lab": address + 1}
        assert address in IPv4Network("198.18.0.0/15")
    assert runs == [line.format_map(ends) for line in case["runs"]]
    if "batches" in case:
        assert batches == [line.format_map(ends) for line in case["batches"]]
    # On the machine there is a route to the hosts if they are said to be reachable.
    routes = [line for line in batches if line.startswith("route replace 192.168.56.0/24 via ")]
    assert found.reachable is case.get("reachable", False)
    assert bool(routes) is found.reachable
    wanted = case.get("forwarding", "on" if case["call"] == "create" else "left on")
    assert found.forwarding == wanted
    setting = "1" if case["call"] == "create" else "0"
    assert found.settings == dict.fromkeys(UPLINK_SETTINGS, setting)


def test_a_kernel_without_ipv6_has_no_setting_of_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(network, "_SYSCTLS", tmp_path)
    machine = IpMachine({**DATA["machine"], "namespace": True})
    machine.replace_programs(monkeypatch)
    monkeypatch.setattr(network, "_LOCK", tmp_path / "lock")
    monkeypatch.setattr(forwarding, "allow", lambda: None)
    LAB.create(None)
    assert f"link set {LAB.uplink} up" in machine.batches


def test_the_interface_of_a_host_that_was_killed_is_removed_from_the_labs_namespace(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    machine = IpMachine({})
    monkeypatch.setattr(network, "run", machine.run)
    LAB.drop_host_link("0123abcd-1")
    assert machine.runs == ["ip -n labctl-0123abcd link delete vb-0123abcd-1"]


def test_without_the_program_ip_there_is_no_interface_to_remove(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def missing(_argv: Sequence[str], *, check: bool) -> Completed:
        raise MachineLacks("the program ip is not installed")

    monkeypatch.setattr(network, "run", missing)
    LAB.drop_host_link("0123abcd-1")


WAY = WayOut(resolvers=("192.0.2.53",), ports=(80,), proxy_port=None, real_resolver=None)


@pytest.mark.parametrize("way", [None, WAY])
def test_the_filters_on_the_machine_and_in_the_lab_let_out_the_same(
    monkeypatch: pytest.MonkeyPatch, way: WayOut | None
) -> None:
    machine = IpMachine({**DATA["machine"], "uplink": "198.18.0.5/30"})
    machine.replace_programs(monkeypatch)
    LAB.set_filter(way)
    ends = Ends(IPv4Address("198.18.0.5"), IPv4Address("198.18.0.6"))
    assert machine.runs == ["nft -f -", "inside nft -f -"]
    assert machine.filters == [
        rules_on_machine("labctl_0123abcd", "lab-0123abcd", ends, way),
        rules_inside(
            bridge="lab",
            uplink="uplink",
            cidr=LAB.network.cidr,
            gateway=LAB.network.machine,
            ends=ends,
            way=way,
        ),
    ]


@pytest.mark.parametrize(
    ("routes", "addresses_"),
    [
        ({"192.168.56.0/24": "lab-0123abcd"}, {}),
        ({"192.168.56.0/24": "lab-ffffffff"}, {}),
        ({"192.168.0.0/16": "lab-0123abcd"}, {}),
        ({}, {"vboxnet0": "192.168.56.1/24"}),
    ],
)
def test_whatever_else_has_addresses_of_the_lab_is_a_rival(
    monkeypatch: pytest.MonkeyPatch, routes: dict[str, str], addresses_: dict[str, str]
) -> None:
    machine = IpMachine({**DATA["machine"], "routes": routes, "addresses": addresses_})
    monkeypatch.setattr("labctl.providers.nspawn.addresses.run", machine.run)
    rivals = {each.interface for each in LAB.rivals()}
    assert rivals == {*routes.values(), *addresses_} - {"lab-0123abcd"}
    if rivals:
        assert (
            f"192.168.56.0/24 is in use on this machine ({rivals.pop()})" in LAB.why_unreachable()
        )


def test_without_the_programs_there_is_no_network_to_remove(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """`labctl destroy` also works on a machine where they were removed meanwhile."""

    def missing(argv: Sequence[str], *, check: bool) -> Completed:
        raise MachineLacks(f"the program {argv[0]} is not installed")

    monkeypatch.setattr(network, "run", missing)
    monkeypatch.setattr(network, "_LOCK", tmp_path / "lock")
    LAB.remove()


def test_what_a_killed_labctl_left_of_a_namespace_is_no_obstacle(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    machine = IpMachine(dict(DATA["machine"]))
    machine.replace_programs(monkeypatch)
    monkeypatch.setattr(network, "_LOCK", tmp_path / "lock")
    monkeypatch.setattr(network, "_NAMESPACES", tmp_path / "netns")
    monkeypatch.setattr(network, "_SYSCTLS", tmp_path)
    monkeypatch.setattr(forwarding, "allow", lambda: None)
    left = tmp_path / "netns" / LAB.namespace
    left.parent.mkdir()
    left.touch()
    LAB.create(None)
    assert not left.exists()


@pytest.mark.parametrize(
    ("route", "kind"),
    [
        ({"type": "blackhole"}, "blackhole"),
        ({"type": "unreachable"}, "unreachable"),
        # Over several interfaces.
        ({"nexthops": [{"dev": "eth0"}, {"dev": "eth1"}]}, "?"),
    ],
)
def test_a_route_without_one_interface_is_a_rival_too(
    monkeypatch: pytest.MonkeyPatch, route: dict[str, Any], kind: str
) -> None:
    """People are told its kind instead."""

    def run(argv: Sequence[str], **_how: object) -> Completed:
        routes = [{**route, "dst": "192.168.0.0/16"}]
        return Completed(tuple(argv), 0, f"[]\n{json.dumps(routes)}\n", "")

    monkeypatch.setattr("labctl.providers.nspawn.addresses.run", run)
    assert LAB.rivals() == [Used(kind, IPv4Network("192.168.0.0/16"))]
    assert f"({kind})" in LAB.why_unreachable()


# -- forwarding -----------------------------------------------------------------------------


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The machine's forwarding settings: a folder for each way out; see ip-sysctl of the kernel."""
    folder = tmp_path / "proc/sys/net/ipv4/conf"
    for name, value in {"eth0": "0\n", "wlan0": "1\n"}.items():
        (folder / name).mkdir(parents=True)
        (folder / name / "forwarding").write_text(value)
    namespace = tmp_path / "proc/thread-self/ns/net"
    namespace.parent.mkdir(parents=True)
    namespace.touch()
    monkeypatch.setattr(forwarding, "_FOLDER", tmp_path / "run")
    monkeypatch.setattr(forwarding, "Path", lambda text: tmp_path / text.lstrip("/"))
    routes = [{"dst": "default", "dev": "eth0"}, {"dst": "default", "dev": "wlan0"}, {"dst": "x"}]
    answers = {("route", "show", "default"): routes}
    monkeypatch.setattr(forwarding, "ip_json", lambda *words: answers[words])
    return folder


def values(settings: Path) -> list[str]:
    return [(settings / name / "forwarding").read_text().strip() for name in ("eth0", "wlan0")]


def kept(settings: Path) -> list[Path]:
    """The files with values from before the first lab."""
    return list((settings.parents[4] / "run").iterdir())


def test_forwarding_is_on_while_a_lab_runs_and_then_as_it_was(settings: Path) -> None:
    forwarding.allow()
    assert values(settings) == ["1", "1"]
    assert [path.stat().st_mode & 0o777 for path in kept(settings)] == [0o600]
    # A second lab must not keep the values that the first one set.
    forwarding.allow()
    forwarding.put_back()
    assert values(settings) == ["0", "1"]
    assert kept(settings) == []
    (settings / "eth0/forwarding").write_text("1")
    forwarding.put_back()
    assert values(settings) == ["1", "1"]


def test_a_way_out_that_is_gone_does_not_prevent_the_others_from_being_put_back(
    settings: Path,
) -> None:
    forwarding.allow()
    (settings / "eth0/forwarding").unlink()
    (settings / "eth0").rmdir()
    (settings / "wlan0/forwarding").write_text("0")
    forwarding.put_back()
    assert (settings / "wlan0/forwarding").read_text() == "1"
    assert kept(settings) == []


def test_a_container_with_labs_of_its_own_has_settings_of_its_own(settings: Path) -> None:
    forwarding.allow()
    # The same folder in another network namespace: another file by its number.
    namespace = settings.parents[3] / "thread-self/ns/net"
    other = namespace.with_name("other")
    other.touch()
    other.replace(namespace)
    forwarding.put_back()
    assert values(settings) == ["1", "1"]
    assert len(kept(settings)) == 1


@pytest.mark.parametrize("text", ["", "not JSON", '{"eth0": 1}', "[]"])
def test_a_file_that_cannot_be_read_keeps_no_lab_from_starting(settings: Path, text: str) -> None:
    forwarding.allow()
    (file,) = kept(settings)
    file.write_text(text)
    forwarding.put_back()
    assert kept(settings) == []
    forwarding.allow()
    assert values(settings) == ["1", "1"]
