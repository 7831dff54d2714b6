"""What the incus provider says of clients and servers of all kinds."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace

import pytest

from labctl.errors import MachineLacks
from labctl.health import Diagnosis, Verdict
from labctl.providers.checks import ensure, run_checks
from labctl.providers.incus.checks import checks
from labctl.providers.incus.client import Incus
from labctl.providers.incus.many import checks_of_many
from labctl.providers.incus.options import IncusOptions
from tests.fakes.machine import OtherMachine

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
    server: object = SERVER,
    pools: object = POOLS,
    members: object = None,
    image: object = {"target": "abc"},
    remote: str = "",
) -> Mapping[str, str]:
    """What `incus` says to each question, and what the server says."""
    said = {
        "": server,
        "/storage-pools?recursion=1": pools,
        "/cluster": {"enabled": members is not None},
        "/cluster/members?recursion=1": members,
        "/images/aliases/labctl-ubuntu-example": image,
    }
    return {
        **{
            f"incus query {remote}/1.0{path}": json.dumps(each)
            for path, each in said.items()
            if each is not None
        },
        "incus remote list --format json": json.dumps(LOCAL),
        "incus remote get-default": "local\n",
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
    silent = replace(FIT, answers=answers(server=None), complaints={"incus query far:/1.0": said})
    with pytest.raises(MachineLacks) as lack:
        ensure(checks(Incus("far"), IncusOptions(), "ubuntu-example"), silent)
    assert "far" in lack.value.message
    assert "Unable to connect" in lack.value.cause
    assert "incus remote list" in str(lack.value.hint)


def test_a_remote_that_the_client_does_not_know_is_told_from_a_silent_server() -> None:
    said = 'Error: The remote "far" doesn\'t exist'
    stranger = replace(FIT, answers=answers(server=None), complaints={"incus query far:/1.0": said})
    found = diagnosed(stranger, "server", remote="far")
    assert "does not know the remote far" in found.what
    assert "incus remote add far TOKEN" in str(found.mend)


def test_a_server_that_never_answers_is_no_refusal() -> None:
    found = diagnosed(replace(FIT, answers=answers(server=None)), "server", remote="far")
    assert found.what == "Incus does not answer (far)"


def test_a_server_that_does_not_trust_the_client() -> None:
    untrusted = {**SERVER, "auth": "untrusted"}
    stranger = replace(FIT, answers=answers(untrusted, remote="far:"))
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
    there = replace(FIT, answers=answers(remote="far:"))
    chosen = diagnosed(there, "pool", IncusOptions(pool="fast"), remote="far")
    assert str(chosen.mend) == "incus storage create far:fast btrfs size=50GiB"


def test_a_server_that_does_not_answer_is_told_once() -> None:
    silent = replace(FIT, answers={})
    assert diagnosed(silent, "server").verdict is Verdict.LACKING
    assert diagnosed(silent, "pool").verdict is Verdict.UNKNOWN


def test_a_cluster_without_a_majority_is_told_from_a_pool_that_is_not_there() -> None:
    found = diagnosed(replace(FIT, answers=answers(pools=None)), "pool")
    assert found.verdict is Verdict.LACKING
    assert "incus cluster list" in str(found.mend)


@pytest.mark.parametrize(("builds", "verdict"), [(True, Verdict.OK), (False, Verdict.LACKING)])
def test_a_server_without_the_image(
    monkeypatch: pytest.MonkeyPatch, builds: bool, verdict: Verdict
) -> None:
    """Only a machine that builds images needs no image on the server."""
    monkeypatch.setattr("labctl.providers.incus.checks.can_build", lambda: builds)
    found = diagnosed(replace(FIT, answers=answers(image=None)), "image")
    assert found.verdict is verdict
    assert ("labctl up --provider incus" in str(found.mend)) is not builds
    assert diagnosed(FIT, "image").verdict is Verdict.OK


def test_a_member_that_is_down_is_named() -> None:
    members = [
        {"server_name": "m1", "status": "Online"},
        {"server_name": "m2", "status": "Offline"},
    ]
    found = diagnosed(replace(FIT, answers=answers(members=members)), "members")
    assert found.verdict is Verdict.WARNING
    assert "m2" in found.what and "m1" not in found.what


# Just enough, with lines that are malformed.
_SUBUIDS = "taro:1:5\n0:100000:131072\nroot:200000:131072\nroot:\nroot:1:many\nroot:x:9\n\n"
# What the server's kernel has too little of: a file with its text, what labctl says, the command.
TOO_LITTLE = [
    ("lxcfs", "/proc/self/mounts", "", "lxcfs is not mounted", "sudo apt-get install lxcfs"),
    ("subuid", "/etc/subuid", "root:100000:65536\n", "65536 subordinate user ids for root",
     "sudo usermod --add-subuids 1000000-1001000000 --add-subgids 1000000-1001000000 root"),
    ("subuid", "/etc/subuid", "taro:1:1000000000\n", "0 subordinate user ids for root", "usermod"),
    ("controllers", "/proc/cgroups", "memory\t1\t1\t1\npids\t2\t1\t0\n",
     "control groups that are missing: pids", "cgroup_enable=pids"),
    ("controllers", "/proc/cgroups", "", "missing: memory, pids", "cgroup_enable=memory,pids"),
    ("inotify", "/proc/sys/fs/inotify/max_user_instances", "1023\n",
     "fs.inotify.max_user_instances = 1023", "sudo sysctl fs.inotify.max_user_instances=8192"),
    ("keys", "/proc/sys/kernel/keys/maxkeys", "199\n", "kernel.keys.maxkeys = 199",
     "sudo sysctl kernel.keys.maxkeys=2000"),
    ("pids", "/proc/sys/kernel/pid_max", "32767\n", "kernel.pid_max = 32767",
     "sudo sysctl kernel.pid_max=4194304"),
]  # fmt: skip


@pytest.mark.parametrize(("code", "file", "text", "what", "mend"), TOO_LITTLE)
def test_what_the_server_s_kernel_lacks(
    code: str, file: str, text: str, what: str, mend: str
) -> None:
    found = diagnosed(replace(FIT, files={**FILES, file: text}), code)
    is_stopping = code in ("subuid", "controllers")
    assert found.verdict is (Verdict.LACKING if is_stopping else Verdict.WARNING)
    assert what in found.what
    assert found.why
    assert mend in str(found.mend)


@pytest.mark.parametrize(
    ("code", "file", "text"),
    [
        ("subuid", "/etc/subuid", _SUBUIDS),
        ("controllers", "/sys/fs/cgroup/cgroup.controllers", "cpu memory pids\n"),
        ("inotify", "/proc/sys/fs/inotify/max_user_instances", "1024\n"),
        ("keys", "/proc/sys/kernel/keys/maxkeys", "200\n"),
        ("pids", "/proc/sys/kernel/pid_max", "32768\n"),
    ],
)
def test_just_enough_is_enough(code: str, file: str, text: str) -> None:
    files = {**FILES, "/proc/cgroups": "", file: text}
    assert diagnosed(replace(FIT, files=files), code).verdict is Verdict.OK


def test_a_firewall_that_drops_what_bridges_forward() -> None:
    docker = replace(
        FIT,
        files={**FILES, "/proc/sys/net/bridge/bridge-nf-call-iptables": "1\n"},
        answers={**answers(), "iptables -S FORWARD": "-P FORWARD DROP\n"},
    )
    assert diagnosed(docker, "forwarding").verdict is Verdict.LACKING


def test_a_remote_server_s_kernel_is_not_known_here_which_is_said_once() -> None:
    every = checks(Incus("far"), IncusOptions(), "ubuntu-example")
    found = {each.code: each.verdict for each in run_checks(every, FIT)}
    assert not {"lxcfs", "subuid", "inotify", "keys", "pids", "forwarding"} & set(found)
    assert found["on-server"] is Verdict.UNKNOWN
    assert found["on-server"] is Verdict.UNKNOWN


GIB = 1024**3


def room(memory: int, disk: int) -> Mapping[str, str]:
    """The answers about one server with so many bytes, of which half are used."""
    return {
        "incus query /1.0/resources": json.dumps(
            {"memory": {"total": memory, "used": memory // 2}}
        ),
        "incus query /1.0/storage-pools/labctl/resources": json.dumps(
            {"space": {"total": disk, "used": disk // 2}}
        ),
    }


def of_many(machine: OtherMachine, labs: int, to_start: int | None = None) -> dict[str, Diagnosis]:
    starting = labs if to_start is None else to_start
    every = checks_of_many(
        Incus(), IncusOptions(), "ubuntu-example", labs, to_start=starting, to_make=starting
    )
    return {each.code: each for each in run_checks(every, machine)}


def test_what_many_labs_need_is_added_up() -> None:
    files = {**FILES, "/proc/sys/kernel/pid_max": "32768\n"}
    server = replace(FIT, files=files, answers={**answers(), **room(16 * GIB, 10 * GIB)})
    few, crowd = of_many(server, 10), of_many(server, 300)
    assert {each.verdict for each in few.values()} == {Verdict.OK}
    assert crowd["memory"].verdict is Verdict.LACKING
    assert crowd["memory"].what == "300 labs need 52500 MB of memory; free: 8589 MB"
    assert crowd["space"].verdict is Verdict.WARNING
    assert crowd["space"].what == "300 labs need 14100 MB of disk; free: 5368 MB"
    assert str(crowd["space"].mend) == "incus storage set labctl size=100GiB"
    for code in ("pids", "inotify"):
        assert crowd[code].verdict is Verdict.WARNING
    assert "fs.inotify.max_user_instances=9600" in str(crowd["inotify"].mend)


def test_labs_that_run_already_need_no_more_memory_or_disk() -> None:
    found = of_many(replace(FIT, answers={**answers(), **room(0, 0)}), 300, to_start=0)
    assert found["memory"].verdict is found["space"].verdict is Verdict.OK


def test_a_server_that_does_not_tell_its_room_has_none() -> None:
    found = of_many(FIT, 1)
    assert found["memory"].what == "1 lab needs 175 MB of memory; free: 0 MB"
    assert found["space"].what == "1 lab needs 645 MB of disk; free: 0 MB"


def test_the_members_of_a_cluster_that_answer_have_the_labs_together() -> None:
    members = [
        {"server_name": "m1", "status": "Online"},
        {"server_name": "m2", "status": "Online"},
        {"server_name": "m3", "status": "Offline"},
    ]
    each = {
        key.replace("resources", f"resources?target={name}"): said
        for name in ("m1", "m2", "m3")
        for key, said in room(4 * GIB, 2 * GIB).items()
    }
    cluster = replace(FIT, answers={**answers(members=members), **each})
    found = of_many(cluster, 10)
    assert found["memory"].what == "10 labs need 1750 MB of memory; free: 4294 MB"
    assert found["space"].what == "10 labs need 1650 MB of disk; free: 2147 MB"
