"""What two mail servers say to each other, captured with tcpdump and decoded with dpkt.

The capture is made on this machine's interface in the lab's network. Every frame between the hosts
passes it if it is a bridge.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from ipaddress import IPv4Address, ip_address
from pathlib import Path

import dpkt

from labctl import dial
from labctl.errors import MachineLacks
from labctl.hint import Hint, commands
from labctl.i18n import _
from labctl.machine import ThisMachine
from labctl.run import run, spawn
from labctl.system import System
from labctl.waiting import wait_until

_SMTP = 25
_HIDDEN = "****"
# How each family of systems installs tcpdump.
_INSTALL = {
    "debian": commands("sudo apt-get install tcpdump"),
    "rhel": commands("sudo dnf install tcpdump"),
    "fedora": commands("sudo dnf install tcpdump"),
}


@dataclass(frozen=True)
class Spoken:
    """One line of a dialogue, without its CRLF."""

    time: datetime
    speaker: str
    listener: str
    by_server: bool
    text: str


@contextmanager
def captured(address: IPv4Address, file: Path, netns: Path | None = None) -> Iterator[None]:
    """Capture SMTP on the network of `address` into `file` during the block.

    Args:
        file: becomes a libpcap file, for Wireshark too. It is whole after the block.
        netns: the network namespace of the lab, if it has one.

    Raises:
        MachineLacks: this is not Linux, or tcpdump is not installed or may not capture.
    """
    _ensure_able()
    ask = dial.inside(netns, ["ip", "-json", "route", "get", str(address)])
    route = json.loads(run(ask).stdout)
    argv = ["tcpdump", "--immediate-mode", "-U", "-n", "-Z", "root", "-i", route[0]["dev"]]
    log = file.with_suffix(".log")
    listen = dial.inside(netns, [*argv, "-w", str(file), "tcp", "port", str(_SMTP)])
    pid = spawn(listen, log=log)
    try:
        _await_listening(pid, log)
        yield
    finally:
        with suppress(ProcessLookupError, ChildProcessError):
            os.kill(pid, signal.SIGINT)
            os.waitpid(pid, 0)


def _ensure_able() -> None:
    if platform.system() != "Linux":
        raise MachineLacks(
            _("the dialogue can be captured only on Linux"), hint=commands("labctl trace last")
        )
    if shutil.which("tcpdump") is None:
        raise MachineLacks(
            _("the program {name} is not installed", name="tcpdump"),
            hint=_install(),
        )


def _install() -> Hint:
    family = System(ThisMachine().distribution, "").family
    other = Hint(_("install it with the package manager of this machine"))
    return _INSTALL.get(family, other)


def _await_listening(pid: int, log: Path) -> None:
    def state() -> str:
        # Asked before the log is read, so that the log is complete if it has ended.
        ended, status = os.waitpid(pid, os.WNOHANG)
        said = log.read_text(errors="replace")
        if ended:
            return said.strip() or f"exit {os.waitstatus_to_exitcode(status)}"
        return "listening" if "listening on" in said else ""

    found = wait_until(10, state, every=0.02)
    if found != "listening":
        raise MachineLacks(
            _("tcpdump cannot capture"),
            cause=found,
            hint=commands("labctl trace last", text=_("this shows the trace without the dialogue")),
        )


def dialogues(file: Path, names: Mapping[str, str]) -> tuple[Spoken, ...]:
    """All SMTP lines in the capture, in the order in which they were sent.

    A segment that was sent twice counts once. One that was not captured ends its direction. Of a
    login only the mechanism is shown.

    Args:
        names: host names by address. An address without a name stands for itself.
    """
    spoken: list[Spoken] = []
    streams: dict[tuple[bytes, int, bytes, int], _Stream] = {}
    secrets: dict[tuple[bytes, int], _Secrets] = {}
    with file.open("rb") as source:
        for stamp, frame in dpkt.pcap.Reader(source):
            ip = dpkt.ethernet.Ethernet(frame).data
            if not isinstance(ip, dpkt.ip.IP) or not isinstance(ip.data, dpkt.tcp.TCP):
                continue
            tcp = ip.data
            stream = streams.setdefault((ip.src, tcp.sport, ip.dst, tcp.dport), _Stream())
            by_server = tcp.sport == _SMTP
            client = (ip.dst, tcp.dport) if by_server else (ip.src, tcp.sport)
            secret = secrets.setdefault(client, _Secrets())
            for line in stream.take(tcp):
                spoken.append(
                    Spoken(
                        time=datetime.fromtimestamp(stamp, UTC),
                        speaker=_name(ip.src, names),
                        listener=_name(ip.dst, names),
                        by_server=by_server,
                        text=secret.hidden(line, by_server=by_server),
                    )
                )
    return tuple(spoken)


class _Secrets:
    """Hides a client's answers in SMTP AUTH, in one connection (RFC 4954, section 4)."""

    def __init__(self) -> None:
        self._begun = False

    def hidden(self, line: str, *, by_server: bool) -> str:
        if by_server:
            # 334 asks for more. Anything else ends the login.
            self._begun = self._begun and line.startswith("334")
            return line
        if self._begun:
            return _HIDDEN
        words = line.split(maxsplit=2)
        self._begun = len(words) > 1 and words[0].upper() == "AUTH"
        return " ".join([*words[:2], _HIDDEN]) if self._begun and len(words) > 2 else line


class _Stream:
    """One direction of a connection: bytes in their order, returned line by line."""

    def __init__(self) -> None:
        self._next: int | None = None
        self._early: dict[int, bytes] = {}
        self._rest = b""

    def take(self, tcp: dpkt.tcp.TCP) -> Iterator[str]:
        if self._next is None or tcp.flags & dpkt.tcp.TH_SYN:
            self._next = (tcp.seq + bool(tcp.flags & dpkt.tcp.TH_SYN)) % 2**32
        if tcp.data:
            self._early.setdefault(tcp.seq, bytes(tcp.data))
        while (data := self._early.pop(self._next, None)) is not None:
            self._next = (self._next + len(data)) % 2**32
            *lines, self._rest = (self._rest + data).split(b"\r\n")
            yield from (line.decode("utf-8", "replace") for line in lines)


def _name(address: bytes, names: Mapping[str, str]) -> str:
    text = str(ip_address(address))
    return names.get(text, text)
