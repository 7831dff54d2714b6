"""One host as a container, without systemd: its command line, its ends and its errors."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Sequence
from contextlib import closing
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

import pytest

from labctl.errors import CommandFailed, LabError, WrongState
from labctl.lab import Network
from labctl.providers.nspawn import container as module
from labctl.providers.nspawn.container import Container
from labctl.providers.nspawn.network import LabNetwork
from labctl.providers.rootfs.cgroup import Cgroup, Hierarchies
from labctl.run import Completed, run

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="containers are Linux's")

WAIT = ["systemctl", "is-system-running", "--wait"]
NETWORK = Network(cidr=IPv4Network("192.168.56.0/24"), machine=IPv4Address("192.168.56.1"))


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Container:
    """host1 of the lab 0123abcd; its control group is a folder."""
    found = Hierarchies(tmp_path / "cgroup", None)
    for name in ("rootfs.cgroup", "nspawn.lab_limits"):
        monkeypatch.setattr(f"labctl.providers.{name}.hierarchies", lambda: found)
    monkeypatch.setattr(module, "_NSPAWN", tmp_path / "nspawn")
    monkeypatch.setattr(LabNetwork, "drop_host_link", lambda _network, _machine: None)
    for name in ("BOOT_SECONDS", "HALT_SECONDS", "SSHD_SECONDS"):
        monkeypatch.setattr(module, name, 0.1)
    lab = LabNetwork("0123abcd", NETWORK)
    return Container("host1", 1, "192.168.56.101", lab, tmp_path / "root", tmp_path / "log")


def group(host: Container, tmp_path: Path) -> Path:
    return tmp_path / "cgroup" / host.cgroup.name


def runs(host: Container, tmp_path: Path, *, frozen: int = 0) -> None:
    folder = group(host, tmp_path)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "cgroup.events").write_text(f"populated 1\nfrozen {frozen}\n")


def sshd(monkeypatch: pytest.MonkeyPatch, greeting: bytes) -> None:
    """What answers on the host's port 22; nobody for b""."""

    def connect(netns: Path, address: str, port: int, timeout: float) -> socket.socket:
        assert netns.name == "labctl-0123abcd"
        assert (address, port) == ("192.168.56.101", 22) and timeout > 0
        if not greeting:
            raise ConnectionRefusedError
        ours, theirs = socket.socketpair()
        with closing(theirs):
            theirs.sendall(greeting)
        return ours

    monkeypatch.setattr("labctl.dial.connect", connect)


# -- starting -------------------------------------------------------------------------------


@pytest.fixture
def started(host: Container, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The words with which the host was started."""
    found: list[str] = []
    monkeypatch.setattr(module, "spawn", lambda argv, log: found.extend(argv))
    host.log.write_text("of the boot before\n")
    host.start()
    assert not host.log.exists()
    return found


def test_root_in_a_host_is_nobody_on_this_machine(started: list[str]) -> None:
    assert f"--private-users={0x7000_0000}:{0x1_0000}" in started
    dropped = next(word for word in started if word.startswith("--drop-capability=")).split("=")[1]
    assert {"CAP_MKNOD", "CAP_SYS_NICE", "CAP_SYS_RESOURCE"} <= set(dropped.split(","))
    # Services of the book need these.
    assert not {"CAP_NET_BIND_SERVICE", "CAP_CHOWN", "CAP_SETUID"} & set(dropped.split(","))


def test_a_host_boots_in_the_labs_network_and_its_own_group(
    started: list[str], host: Container
) -> None:
    nspawn = started.index("systemd-nspawn")
    assert str(host.network.netns) in " ".join(started[:nspawn])
    options = started[nspawn:]
    assert {"--boot", "--machine=0123abcd-1", "--hostname=host1"} <= set(options)
    assert {f"--directory={host.root}", "--network-bridge=lab"} <= set(options)
    entered = [word for word in started if word.endswith("cgroup.procs")]
    groups = [str(Path(word).parent).partition("cgroup/")[2] for word in entered]
    assert groups == [f"{host.cgroup.name}/keeper", host.cgroup.name]


def test_a_host_keeps_its_own_resolvers_and_time_zone(started: list[str]) -> None:
    assert {"--resolv-conf=off", "--timezone=off"} <= set(started)


def test_a_host_needs_no_service_of_this_machine(started: list[str]) -> None:
    """Neither systemd-machined nor a unit: labctl also works where PID 1 is no systemd."""
    assert {"--register=no", "--keep-unit", "--link-journal=no"} <= set(started)


def test_what_a_host_says_while_it_boots_is_in_its_log(
    host: Container, monkeypatch: pytest.MonkeyPatch
) -> None:
    logs: list[Path] = []
    monkeypatch.setattr(module, "spawn", lambda argv, log: logs.append(log))
    host.start()
    assert logs == [host.log]


@pytest.mark.parametrize(("ends", "boots"), [("133 133 0", 3), ("0", 1), ("1", 1)])
def test_a_host_that_asks_for_a_reboot_is_booted_again(
    host: Container, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ends: str, boots: int
) -> None:
    """systemd-nspawn ends with 133 then, and with another code after a poweroff."""
    program, left, booted = (tmp_path / name for name in ("systemd-nspawn", "ends", "boots"))
    program.write_text(
        f"""#!/bin/sh
read -r code rest <{left}
echo "$rest" >{left}
echo "$@" >>{booted}
exit "$code"
"""
    )
    program.chmod(0o755)
    left.write_text(ends + "\n")
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setattr("labctl.dial.inside", lambda _netns, argv: argv)
    monkeypatch.setattr(module, "spawn", lambda argv, log: subprocess.run(argv, check=False))
    host.start()
    every = booted.read_text().splitlines()
    assert len(every) == boots and len(set(every)) == 1 and "--boot" in every[0].split()


# -- coming up ------------------------------------------------------------------------------


def test_a_host_that_does_not_boot_is_told_with_the_end_of_its_console(host: Container) -> None:
    host.log.write_text("".join(f"line {number}\n" for number in range(20)))
    with pytest.raises(LabError) as failed:
        host.wait_ready()
    assert failed.value.message == "host1 did not boot"
    assert failed.value.cause.splitlines() == [f"line {number}" for number in range(14, 20)]
    assert str(host.log) in failed.value.hint.text


def test_a_host_without_a_console_is_told_all_the_same(host: Container) -> None:
    with pytest.raises(LabError) as failed:
        host.wait_ready()
    assert failed.value.cause == "no process of the host is left"


def test_a_host_without_systemd_is_told_with_what_its_processes_do(
    host: Container, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Cgroup, "doing", lambda _group: ["systemd-nspawn D rtnl_lock"])
    with pytest.raises(LabError) as failed:
        host.wait_ready()
    assert failed.value.cause == "systemd-nspawn D rtnl_lock"


def test_a_console_need_not_be_text(host: Container) -> None:
    host.log.write_bytes(b"panic \xff\n")
    with pytest.raises(LabError) as failed:
        host.wait_ready()
    assert failed.value.cause == "panic \N{REPLACEMENT CHARACTER}"


def test_a_host_that_does_not_boot_may_be_booted_again(host: Container) -> None:
    with pytest.raises(LabError) as failed:
        host.wait_ready()
    assert failed.value.hint.commands == (("labctl", "down"), ("labctl", "up"))


@pytest.mark.parametrize("bus", [True, False])
def test_the_boot_is_over_only_when_the_hosts_bus_is_there(
    host: Container, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bus: bool
) -> None:
    """systemctl in a host without a bus fails at once, long before the services run."""
    asked: list[str] = []

    def run(argv: Sequence[str], **_how: object) -> Completed:
        asked.extend(argv)
        return Completed(tuple(argv), 0, "running\n", "")

    monkeypatch.setattr(module, "run", run)
    monkeypatch.setattr(Cgroup, "init_pid", lambda _group: 77)
    monkeypatch.setattr(module, "Path", lambda text: tmp_path / "machine" / text.lstrip("/"))
    sshd(monkeypatch, b"SSH-2.0-OpenSSH\r\n")
    if bus:
        socket_file = tmp_path / "machine/proc/77/root/run/dbus/system_bus_socket"
        socket_file.parent.mkdir(parents=True)
        socket_file.touch()
        host.wait_ready()
        assert asked[-3:] == WAIT
    else:
        with pytest.raises(LabError, match="host1 did not boot"):
            host.wait_ready()
        assert "is-system-running" not in asked


def test_the_bus_is_looked_for_with_the_process_that_was_found(
    host: Container, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A second search may find none, while systemd moves to a group of its own."""
    found = iter([None, 77])
    monkeypatch.setattr(Cgroup, "init_pid", lambda _group: next(found, None))
    monkeypatch.setattr(module, "Path", lambda text: tmp_path / "machine" / text.lstrip("/"))
    socket_file = tmp_path / "machine/proc/77/root/run/dbus/system_bus_socket"
    socket_file.parent.mkdir(parents=True)
    socket_file.touch()
    host._wait_for_bus()


@pytest.fixture
def booted(host: Container, monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The host's systemd runs; returns the commands that are run in the host."""
    found: list[list[str]] = []

    def run(argv: Sequence[str], *, check: bool, timeout: float = 1, most: int = 1) -> Completed:
        assert not check and timeout and most
        words = list(argv)
        if "neigh" in words:
            return Completed(tuple(words), 0, "", "")
        assert any(word.endswith("/ask/cgroup.procs") for word in words)
        inside = words[words.index("nsenter") :]
        assert inside[:5] == ["nsenter", "--target", "77", "--all", "--"]
        found.append(inside[5:])
        return Completed(tuple(words), 1, "", "Unit ssh.service is masked.\n")

    monkeypatch.setattr(module, "run", run)
    monkeypatch.setattr(Cgroup, "init_pid", lambda _group: 77)
    monkeypatch.setattr(Container, "_wait_for_bus", lambda _host: None)
    return found


def hangs(argv: Sequence[str], *, check: bool, timeout: float, most: int) -> Completed:
    """A command in a host whose systemd does not answer."""
    raise CommandFailed("systemctl", 124, "timed out", where="host1")


def test_a_host_is_ready_when_sshd_greets(
    host: Container, booted: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    sshd(monkeypatch, b"SSH-2.0-OpenSSH\r\n")
    host.wait_ready()
    assert booted == [WAIT]


def test_a_unit_that_hangs_does_not_keep_the_host_from_being_used(
    host: Container, booted: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "run", hangs)
    sshd(monkeypatch, b"SSH-2.0-OpenSSH\r\n")
    host.wait_ready()


def test_what_the_host_says_is_told_if_the_console_is_silent_and_its_journal_kept(
    host: Container, booted: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    said = {"sh": "12 ssh.service     start running\n", "journalctl": "ssh.service: Starting\n"}

    def run(argv: Sequence[str], *, check: bool, timeout: float = 0, most: int = 0) -> Completed:
        if "neigh" in argv:
            return Completed(tuple(argv), 0, "192.168.56.101 dev lab REACHABLE\n", "")
        program = list(argv)[list(argv).index("nsenter") + 5]
        return Completed(tuple(argv), 0, said.get(program, "starting\n"), "")

    monkeypatch.setattr(module, "run", run)
    sshd(monkeypatch, b"")
    with pytest.raises(LabError) as failed:
        host.wait_ready()
    said_last = "sshd\n192.168.56.101:22: -\n192.168.56.101 dev lab REACHABLE"
    assert failed.value.cause == f"12 ssh.service     start running\n{said_last}"
    assert host.log.read_text() == "ssh.service: Starting\n"


def test_a_systemd_that_does_not_answer_is_told_with_what_the_processes_do(
    host: Container, booted: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "run", hangs)
    monkeypatch.setattr(Cgroup, "doing", lambda _group: ["systemd S do_epoll_wait"] * 9)
    sshd(monkeypatch, b"")
    with pytest.raises(LabError) as failed:
        host.wait_ready()
    assert failed.value.cause == "\n".join(["systemd S do_epoll_wait"] * 6)


def test_a_host_says_what_keeps_it_from_being_ready(tmp_path: Path) -> None:
    names = ("systemctl", "ip", "ss", "iptables")
    systemctl, ip, ss, iptables = (tmp_path / name for name in names)
    systemctl.write_text(
        """#!/bin/sh
case $1 in
  list-jobs) printf '12 ssh.service start running\\n13 multi-user.target start waiting\\n' ;;
  list-units) echo 'ufw.service loaded failed failed Uncomplicated firewall' ;;
  is-active) echo inactive; exit 3 ;;
  is-enabled) echo masked; exit 1 ;;
esac
"""
    )
    ip.write_text("#!/bin/sh\necho 'host0@if4 UP 192.168.56.101/24'\n")
    ss.write_text("#!/bin/sh\necho 'LISTEN 0 128 0.0.0.0:22 0.0.0.0:*'\n")
    rule = "-A ufw-user-input -p tcp -m tcp --dport 22 -j ACCEPT"
    iptables.write_text(f"#!/bin/sh\nprintf '%s\\n' '-P INPUT DROP' '-P OUTPUT ACCEPT' '{rule}'\n")
    for program in (systemctl, ip, ss, iptables):
        program.chmod(0o755)
    done = subprocess.run(
        ["sh", "-euc", module._NOT_READY.text],
        env={"PATH": f"{tmp_path}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines() == [
        "12 ssh.service start running",
        "ufw.service loaded failed failed Uncomplicated firewall",
        "ssh.service: inactive, masked",
        "host0@if4 UP 192.168.56.101/24",
        "LISTEN 0 128 0.0.0.0:22 0.0.0.0:*",
        "-P INPUT DROP",
        rule,
    ]


@pytest.mark.parametrize("greeting", [b"", b"220 host1 ESMTP\r\n"])
def test_something_else_on_port_22_is_no_sshd(
    host: Container, booted: list[list[str]], monkeypatch: pytest.MonkeyPatch, greeting: bytes
) -> None:
    sshd(monkeypatch, greeting)
    with pytest.raises(LabError):
        host.wait_ready()


def test_an_sshd_that_answers_is_not_touched(
    host: Container, booted: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    sshd(monkeypatch, b"SSH-2.0-OpenSSH\r\n")
    host.ensure_answers()
    assert booted == []


def test_a_stopped_sshd_is_started_and_the_refusal_is_told(
    host: Container, booted: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    sshd(monkeypatch, b"")
    with pytest.raises(WrongState) as failed:
        host.ensure_answers()
    assert booted == [WAIT, ["systemctl", "start", "ssh.service"]]
    assert failed.value.cause == "Unit ssh.service is masked."
    assert failed.value.hint.commands == (("labctl", "reset"),)


def test_a_host_that_never_finishes_its_boot_has_nothing_to_say_of_its_sshd(
    host: Container, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Cgroup, "init_pid", lambda _group: None)
    sshd(monkeypatch, b"")
    with pytest.raises(WrongState, match="sshd of host1 does not answer") as failed:
        host.ensure_answers()
    assert failed.value.cause == ""


# -- logging in -----------------------------------------------------------------------------


def test_a_user_logs_in_through_the_hosts_own_namespaces(
    host: Container, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither sshd nor the network is needed. What is started counts as the lab's."""
    monkeypatch.setattr(Cgroup, "init_pid", lambda _group: 77)
    words = host.login("user1")
    command = words.index("nsenter")
    assert " ".join(words[command:]) == (
        "nsenter --target 77 --all -- su --pty --login --whitelist-environment=LANG user1"
    )
    assert str(group(host, tmp_path) / "login" / "cgroup.procs") in words[:command]


def test_a_program_of_a_host_sees_no_variable_of_this_machine(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PROXY_PASSWORD", "secret")
    monkeypatch.setenv("TERM", "screen")
    text = module._BARE.text
    seen = run(["sh", "-euc", text, "sh", "env"]).stdout.splitlines()
    assert {"LANG=C.UTF-8", "TERM=screen"} < {*seen}
    assert not [line for line in seen if "secret" in line]


def test_nobody_logs_in_on_a_host_without_a_first_process(
    host: Container, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Cgroup, "init_pid", lambda _group: None)
    with pytest.raises(WrongState, match="host1 does not run") as refused:
        host.login("root")
    assert str(refused.value.hint) == "labctl up"


def test_nobody_logs_in_on_a_host_that_shuts_down(
    host: Container, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A new login would keep it from stopping."""
    program = tmp_path / "systemd-shutdown"
    program.write_text("#!/bin/sh\necho ready\nread -r _wait\n", encoding="utf-8")
    program.chmod(0o755)
    with subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None and process.stdout.readline() == b"ready\n"
        monkeypatch.setattr(Cgroup, "init_pid", lambda _group: process.pid)
        assert host.shuts_down
        with pytest.raises(WrongState, match="host1 does not run"):
            host.login("root")
    assert not host.shuts_down


# -- standing still and ending --------------------------------------------------------------


def test_a_host_that_stands_still_can_be_copied(host: Container, tmp_path: Path) -> None:
    runs(host, tmp_path, frozen=1)
    host.hold_still()
    assert (group(host, tmp_path) / "cgroup.freeze").read_text() == "1"


def test_a_host_that_does_not_run_has_no_moment_to_copy(host: Container) -> None:
    with pytest.raises(WrongState, match="host1 does not run") as refused:
        host.hold_still()
    assert str(refused.value.hint) == "labctl up"


def test_a_host_that_does_not_stand_still_is_told(
    host: Container, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs(host, tmp_path)
    monkeypatch.setattr(Cgroup, "freeze", lambda _group: False)
    with pytest.raises(LabError, match="could not be frozen") as failed:
        host.hold_still()
    assert not isinstance(failed.value, WrongState)


def test_halt_asks_systemd_and_waits_before_it_kills(
    host: Container, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs(host, tmp_path)
    sent: list[tuple[int, int]] = []
    emptied = threading.Event()

    def power_off(pid: int, number: int) -> None:
        sent.append((pid, number))
        events = group(host, tmp_path) / "cgroup.events"
        events.write_text("populated 0\n")
        emptied.set()

    monkeypatch.setattr(Cgroup, "init_pid", lambda _group: 77)
    monkeypatch.setattr(os, "kill", power_off)
    host.halt()
    assert sent == [(77, signal.SIGRTMIN + 4)]
    # A frozen host would not hear the signal.
    assert (group(host, tmp_path) / "cgroup.freeze").read_text() == "0"
    assert emptied.is_set() and not host.running


def test_halt_ends_the_logins_first_and_lets_nsenter_see_it(
    host: Container, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """systemd-shutdown waits ten seconds for a login that ends late, and for one nobody reaped."""
    runs(host, tmp_path)
    login = group(host, tmp_path) / "login"
    login.mkdir()
    (login / "cgroup.procs").write_text("501\n502\n503\n")
    # nsenter is outside, su(1) and the shell are in the host.
    numbers = {501: ["501"], 502: ["502", "31"], 503: ["503", "32"]}
    monkeypatch.setattr("labctl.providers.rootfs.cgroup._numbers", lambda pid: numbers[pid])
    monkeypatch.setattr(Cgroup, "init_pid", lambda _group: 77)
    sent: list[tuple[int, int]] = []
    monkeypatch.setattr(os, "kill", lambda pid, number: sent.append((pid, number)))
    host.halt()
    ended = [(502, signal.SIGKILL), (503, signal.SIGKILL)]
    assert sent == [*ended, (77, signal.SIGRTMIN + 4)]


def test_a_host_that_ends_by_itself_meanwhile_is_halted(
    host: Container, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs(host, tmp_path)

    def gone(_pid: int, _number: int) -> None:
        (group(host, tmp_path) / "cgroup.events").write_text("populated 0\n")
        raise ProcessLookupError

    monkeypatch.setattr(Cgroup, "init_pid", lambda _group: 77)
    monkeypatch.setattr(os, "kill", gone)
    host.halt()
    assert not host.running


def test_a_host_that_does_not_power_off_is_killed(
    host: Container, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs(host, tmp_path)
    waited: list[float] = []
    monkeypatch.setattr(Cgroup, "init_pid", lambda _group: 77)
    monkeypatch.setattr(os, "kill", lambda _pid, _number: None)
    monkeypatch.setattr(Cgroup, "wait_empty", lambda _group, seconds: waited.append(seconds))
    host.halt()
    assert waited[0] == module.HALT_SECONDS
    assert (group(host, tmp_path) / "cgroup.kill").read_text() == "1"


def test_killing_a_host_removes_its_interface_and_unmounts_its_root(
    host: Container, monkeypatch: pytest.MonkeyPatch
) -> None:
    removed: list[object] = []
    monkeypatch.setattr(LabNetwork, "drop_host_link", lambda _lab, name: removed.append(name))
    monkeypatch.setattr(module, "unmount_below", removed.append)
    host.kill()
    assert removed[0] == "0123abcd-1"
    assert removed[-1] == host.root


def test_what_nspawn_keeps_of_a_machine_is_removed_with_it(host: Container, tmp_path: Path) -> None:
    host.root.mkdir()
    found = host.root.stat()
    propagate = tmp_path / "nspawn" / "propagate" / host.machine
    lock = tmp_path / "nspawn" / "locks" / f"inode-{found.st_dev}:{found.st_ino}"
    other = lock.with_name("inode-1:1")
    propagate.mkdir(parents=True)
    export = tmp_path / "nspawn" / "unix-export" / host.machine
    export.mkdir(parents=True)
    lock.parent.mkdir()
    lock.touch()
    other.touch()
    host.kill()
    assert not propagate.exists() and not lock.exists() and not export.exists()
    assert other.exists()
    host.kill()
