"""What the incus provider says of clients and servers of all kinds."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace

import pytest

from labctl.diagnosis import Diagnosis, Verdict
from labctl.errors import MachineLacks
from labctl.providers.checks import ensure, run_checks
from labctl.providers.incus.checks import checks
from labctl.providers.incus.client import Incus
from labctl.providers.incus.many import checks_of_many
from labctl.providers.incus.options import IncusOptions
from tests.unit.doctor.other_machine import OtherMachine

SERVER = {"auth": "trusted", "environment": {"server_version": "6.0.4"}}
POOLS = [{"name": "labctl", "driver": "btrfs"}]
LOCAL = {"local": {"Addr": "unix://"}, "far": {"Addr": "https://192.0.2.1:8443"}}
FILES = {
    "/proc/self/mounts": "lxcfs /var/lib/lxcfs fuse.lxcfs rw 0 0\n",
    "/etc/subuid": "root:1000000:1000000000\n",
    "/proc/cgroups": "memory\t1\t1\t1\npids\t2\t1\t1\n",
    "/proc/sys/fs/inotify/max_user_instances": "8192\n",
    "/proc/sys/kernel/keys/maxkeys": "2000\n",
    "/proc/sys/kernel/pid_max": "4194304\n",
}


def answers(
    server: object = SERVER, pools: object = POOLS, cluster: object = None, **more: str
) -> Mapping[str, str]:
    """What `incus` says to each question, by the end of its last word."""
    return {
        "/1.0/storage-pools": json.dumps(pools),
        "/1.0/cluster/members": json.dumps((cluster or {}).get("members")),  # type: ignore[attr-defined]
        "/1.0/cluster": json.dumps({"enabled": cluster is not None}),
        "/1.0/images/aliases": more.get("image", '{"target": "abc"}'),
        "/1.0": json.dumps(server) if server else "",
        "json": json.dumps(LOCAL),
        "get-default": "local\n",
    }


FIT = OtherMachine(programs=("incus",), files=FILES, answers=answers())


def diagnosed(
    machine: OtherMachine, code: str, options: IncusOptions | None = None, remote: str = ""
) -> Diagnosis:
    every = checks(Incus(remote), options or IncusOptions(), "ubuntu-example")
    return next(each for each in run_checks(every, machine) if each.code == code)


def test_a_machine_and_a_server_that_have_everything() -> None:
    every = checks(Incus(), IncusOptions(), "ubuntu-example")
    found = run_checks(every, FIT)
    assert {each.code: each.verdict for each in found if each.verdict is not Verdict.OK} == {}
    assert {each.code for each in every} - {each.code for each in found} == {"on-server"}


@pytest.mark.parametrize(
    ("system", "distribution", "mend"),
    [
        ("linux", "debian", "sudo apt-get install incus-client"),
        ("darwin", "", "brew install incus"),
        ("win32", "", "winget install LinuxContainers.Incus"),
        ("linux", "fedora", "https://"),
    ],
)
def test_a_client_that_is_not_installed(system: str, distribution: str, mend: str) -> None:
    bare = replace(FIT, system=system, distribution=distribution, programs=())
    found = diagnosed(bare, "client")
    assert found.verdict is Verdict.LACKING
    assert mend in str(found.mend)


def test_a_server_that_does_not_answer_stops_up_and_says_what_to_do() -> None:
    said = 'Error: Get "https://192.0.2.1:8443/1.0": Unable to connect to: 192.0.2.1:8443'
    silent = replace(FIT, answers=answers(server=None), complaints={"far:/1.0": said})
    with pytest.raises(MachineLacks) as lack:
        ensure(checks(Incus("far"), IncusOptions(), "ubuntu-example"), silent)
    assert "far" in lack.value.message
    assert "Unable to connect" in lack.value.cause
    assert "incus remote list" in str(lack.value.hint)


def test_a_remote_that_the_client_does_not_know_is_told_from_a_silent_server() -> None:
    said = 'Error: The remote "far" doesn\'t exist'
    stranger = replace(FIT, answers=answers(server=None), complaints={"far:/1.0": said})
    found = diagnosed(stranger, "server", remote="far")
    assert "does not know the remote far" in found.what
    assert "incus remote add far TOKEN" in str(found.mend)


def test_a_server_that_never_answers_is_no_refusal() -> None:
    found = diagnosed(replace(FIT, answers=answers(server=None)), "server", remote="far")
    assert found.what == "Incus does not answer (far)"


def test_a_server_that_does_not_trust_the_client() -> None:
    stranger = replace(FIT, answers=answers(server={**SERVER, "auth": "untrusted"}))
    found = diagnosed(stranger, "server", remote="far")
    assert found.verdict is Verdict.LACKING
    assert "incus remote remove far" in str(found.mend)


def test_a_server_that_is_too_old() -> None:
    old = {**SERVER, "environment": {"server_version": "0.7"}}
    assert diagnosed(replace(FIT, answers=answers(server=old)), "server").verdict is Verdict.LACKING


@pytest.mark.parametrize(
    ("driver", "verdict"),
    [("btrfs", Verdict.OK), ("zfs", Verdict.WARNING), ("dir", Verdict.WARNING)],
)
def test_the_driver_of_the_pool(driver: str, verdict: Verdict) -> None:
    pools = [{"name": "default", "driver": driver}, {"name": "other", "driver": "btrfs"}]
    assert diagnosed(replace(FIT, answers=answers(pools=pools)), "pool").verdict is verdict


def test_a_pool_that_is_not_there_and_how_to_make_it() -> None:
    found = diagnosed(replace(FIT, answers=answers(pools=[])), "pool")
    assert found.verdict is Verdict.LACKING
    assert str(found.mend) == "incus storage create default btrfs size=50GiB"
    chosen = diagnosed(FIT, "pool", IncusOptions(pool="fast"), remote="far")
    assert str(chosen.mend) == "incus storage create far:fast btrfs size=50GiB"


def test_a_cluster_without_a_majority_is_told_from_a_pool_that_is_not_there() -> None:
    found = diagnosed(replace(FIT, answers=answers(pools=None)), "pool")
    assert found.verdict is Verdict.LACKING
    assert "incus cluster list" in str(found.mend)


def test_a_laptop_without_an_image_on_the_server() -> None:
    found = diagnosed(replace(FIT, system="darwin", answers=answers(image="")), "image")
    # Where these tests run as root on a Debian, the image can be built.
    assert found.verdict in (Verdict.LACKING, Verdict.OK)


def test_a_member_that_is_down_is_named() -> None:
    members = [
        {"server_name": "m1", "status": "Online"},
        {"server_name": "m2", "status": "Offline"},
    ]
    found = diagnosed(replace(FIT, answers=answers(cluster={"members": members})), "members")
    assert found.verdict is Verdict.WARNING
    assert "m2" in found.what and "m1" not in found.what


@pytest.mark.parametrize(
    ("code", "file", "text", "verdict"),
    [
        ("lxcfs", "/proc/self/mounts", "", Verdict.WARNING),
        ("subuid", "/etc/subuid", "root:100000:65536\n", Verdict.LACKING),
        ("subuid", "/etc/subuid", "taro:100000:1000000000\n", Verdict.LACKING),
        ("controllers", "/proc/cgroups", "memory\t1\t1\t1\npids\t2\t1\t0\n", Verdict.LACKING),
        ("inotify", "/proc/sys/fs/inotify/max_user_instances", "128\n", Verdict.WARNING),
        ("keys", "/proc/sys/kernel/keys/maxkeys", "100\n", Verdict.WARNING),
        ("pids", "/proc/sys/kernel/pid_max", "4096\n", Verdict.WARNING),
    ],
)
def test_what_the_server_s_kernel_lacks(code: str, file: str, text: str, verdict: Verdict) -> None:
    found = diagnosed(replace(FIT, files={**FILES, file: text}), code)
    assert found.verdict is verdict
    assert str(found.mend)


def test_a_firewall_that_drops_what_bridges_forward() -> None:
    docker = replace(
        FIT,
        files={**FILES, "/proc/sys/net/bridge/bridge-nf-call-iptables": "1\n"},
        answers={**answers(), "FORWARD": "-P FORWARD DROP\n"},
    )
    assert diagnosed(docker, "forwarding").verdict is Verdict.LACKING


def test_a_remote_server_s_kernel_is_not_known_here_which_is_said_once() -> None:
    every = checks(Incus("far"), IncusOptions(), "ubuntu-example")
    found = {each.code: each.verdict for each in run_checks(every, FIT)}
    assert not {"lxcfs", "subuid", "inotify", "keys", "pids", "forwarding"} & set(found)
    assert list(found.values()).count(Verdict.UNKNOWN) == 1
    assert found["on-server"] is Verdict.UNKNOWN


def test_what_many_labs_need_is_added_up() -> None:
    gib = 1024**3
    server = replace(
        FIT,
        files={**FILES, "/proc/sys/kernel/pid_max": "32768\n"},
        answers={
            "/1.0/resources": json.dumps({"memory": {"total": 9 * gib, "used": gib}}),
            "/1.0/storage-pools/labctl/resources": json.dumps({"space": {"total": 5 * gib}}),
            **answers(),
        },
    )

    def verdicts(labs: int) -> dict[str, Verdict]:
        every = checks_of_many(Incus(), IncusOptions(), "ubuntu-example", labs, labs)
        return {each.code: each.verdict for each in run_checks(every, server)}

    few, crowd = verdicts(10), verdicts(300)
    assert few["memory"] is few["space"] is few["pids"] is Verdict.OK
    assert crowd["memory"] is Verdict.LACKING
    assert crowd["space"] is crowd["pids"] is crowd["inotify"] is Verdict.WARNING
