"""The dialogue of two servers is read from a capture, in whatever order the packets arrived.

`data/smtp.pcap` was captured on the lab's bridge while host1 sent the book's message to host2.
"""

from __future__ import annotations

import platform
import random
from collections.abc import Iterator
from ipaddress import IPv4Address
from pathlib import Path

import dpkt
import pytest

from labctl.errors import MachineLacks
from labctl.machine import ThisMachine
from labctl.mailtest.capture import Spoken, captured, dialogues
from tests.unit.mailtest.locally import ON_LINUX
from tests.unit.mailtest.recorded import DATA

NAMES = {"192.168.56.101": "host1", "192.168.56.102": "host2"}


def said(spoken: tuple[Spoken, ...], speaker: str) -> list[str]:
    return [line.text for line in spoken if line.speaker == speaker]


def rewritten(path: Path, frames: list[tuple[float, bytes]]) -> Path:
    with path.open("wb") as sink:
        writer = dpkt.pcap.Writer(sink)
        for stamp, frame in frames:
            writer.writepkt(frame, ts=stamp)
    return path


@pytest.fixture
def frames() -> list[tuple[float, bytes]]:
    with (DATA / "smtp.pcap").open("rb") as source:
        return list(dpkt.pcap.Reader(source))


def test_both_sides_of_the_books_message() -> None:
    spoken = dialogues(DATA / "smtp.pcap", NAMES)
    client, server = said(spoken, "host1"), said(spoken, "host2")
    assert client[0] == "EHLO mail.example1.jp"
    assert client[1].startswith("MAIL FROM:<user1@example1.jp>")
    assert client[-3:] == ["This is test mail from user1", ".", "QUIT"]
    assert server[0] == "220 mail.example2.jp ESMTP Postfix"
    assert server[-2].startswith("250 2.0.0 Ok: queued as ")
    assert all(line.by_server == (line.speaker == "host2") for line in spoken)
    assert [line.time for line in spoken] == sorted(line.time for line in spoken)


@pytest.mark.parametrize(
    ("system", "distribution", "hint"),
    [
        ("Linux", "debian", "sudo apt-get install tcpdump"),
        ("Linux", "ubuntu", "sudo apt-get install tcpdump"),
        ("Linux", "almalinux", "sudo dnf install tcpdump"),
        ("Linux", "fedora", "sudo dnf install tcpdump"),
        ("Linux", "arch", "install it with the package manager of this machine"),
        ("Darwin", "", "labctl trace last"),
    ],
)
def test_a_machine_that_cannot_capture_says_what_to_do(
    system: str, distribution: str, hint: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(platform, "system", lambda: system)
    monkeypatch.setattr(ThisMachine, "distribution", distribution)
    monkeypatch.setenv("PATH", str(tmp_path))
    with (
        pytest.raises(MachineLacks) as error,
        captured(IPv4Address("192.168.56.102"), tmp_path / "smtp.pcap"),
    ):
        pass
    assert str(error.value.hint) == hint


@ON_LINUX
@pytest.mark.parametrize(("says", "cause"), [("", "exit 1"), ("echo no permission >&2", "no perm")])
def test_a_tcpdump_that_ends_at_once_is_told_by_what_it_said(
    says: str, cause: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name, script in (("ip", """echo '[{"dev":"lo"}]'"""), ("tcpdump", f"{says}\nexit 1")):
        (tmp_path / name).write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    with (
        pytest.raises(MachineLacks, match="tcpdump cannot capture") as error,
        captured(IPv4Address("192.168.56.102"), tmp_path / "smtp.pcap"),
    ):
        pass
    assert error.value.cause.startswith(cause)
    assert error.value.hint.commands == (("labctl", "trace", "last"),)


def test_an_address_without_a_name_speaks_for_itself() -> None:
    speakers = {line.speaker for line in dialogues(DATA / "smtp.pcap", {})}
    assert speakers == set(NAMES)


def test_packets_sent_twice_or_out_of_order_change_nothing(
    frames: list[tuple[float, bytes]], tmp_path: Path
) -> None:
    expected = dialogues(DATA / "smtp.pcap", NAMES)
    # After the two packets that open the connection, packets may arrive in any order.
    rest = frames[2:] * 2
    random.Random(1).shuffle(rest)
    spoken = dialogues(rewritten(tmp_path / "x.pcap", frames[:2] + rest), NAMES)
    for host in NAMES.values():
        assert said(spoken, host) == said(expected, host)


def test_what_was_not_captured_ends_a_direction(
    frames: list[tuple[float, bytes]], tmp_path: Path
) -> None:
    holed = [(stamp, frame) for stamp, frame in frames if b"MAIL FROM" not in frame]
    spoken = dialogues(rewritten(tmp_path / "x.pcap", holed), NAMES)
    assert said(spoken, "host1") == ["EHLO mail.example1.jp"]
    assert said(spoken, "host2")[-1] == "221 2.0.0 Bye"


@pytest.mark.parametrize(
    ("dialogue", "told"),
    [
        (
            [("C", "AUTH PLAIN AHVzZXIxAHNlY3JldA=="), ("S", "235 2.7.0 ok"), ("C", "QUIT")],
            ["AUTH PLAIN ****", "QUIT"],
        ),
        (
            [
                ("C", "auth LOGIN"), ("S", "334 VXNlcm5hbWU6"), ("C", "dXNlcjE="),
                ("S", "334 UGFzc3dvcmQ6"), ("C", "c2VjcmV0"), ("S", "535 5.7.8 no"),
                ("C", "MAIL FROM:<user1@example1.jp>"),
            ],
            ["auth LOGIN", "****", "****", "MAIL FROM:<user1@example1.jp>"],
        ),
        # The server's side was not captured.
        ([("C", "AUTH PLAIN"), ("C", "AHVzZXIxAHNlY3JldA==")], ["AUTH PLAIN", "****"]),
    ],
)  # fmt: skip
def test_a_login_is_told_without_its_secret(
    dialogue: list[tuple[str, str]], told: list[str], tmp_path: Path
) -> None:
    spoken = dialogues(rewritten(tmp_path / "x.pcap", list(_packets(dialogue))), NAMES)
    assert said(spoken, "host1") == told
    assert said(spoken, "host2") == [line for speaker, line in dialogue if speaker == "S"]


def test_a_login_hides_nothing_of_a_connection_beside_it(tmp_path: Path) -> None:
    login = [("C", "AUTH LOGIN"), ("S", "334 VXNlcm5hbWU6"), ("C", "dXNlcjE="), ("S", "235 ok")]
    other = [
        ("C", "EHLO mail"),
        ("S", "250 mail"),
        ("C", "MAIL FROM:<a@example1.jp>"),
        ("S", "250"),
    ]
    beside = zip(_packets(login), _packets(other, port=40001), strict=True)
    frames = [packet for both in beside for packet in both]
    spoken = dialogues(rewritten(tmp_path / "x.pcap", frames), NAMES)
    assert said(spoken, "host1") == [
        "AUTH LOGIN", "EHLO mail", "****", "MAIL FROM:<a@example1.jp>",
    ]  # fmt: skip


def _packets(dialogue: list[tuple[str, str]], port: int = 40000) -> Iterator[tuple[float, bytes]]:
    """One packet per line, as host1 (C) and host2 (S) send them in one connection."""
    address = {"C": bytes([192, 168, 56, 101]), "S": bytes([192, 168, 56, 102])}
    ports, sent = {"C": port, "S": 25}, {"C": 1, "S": 1}
    for number, (speaker, line) in enumerate(dialogue):
        listener = "S" if speaker == "C" else "C"
        data = f"{line}\r\n".encode()
        tcp = dpkt.tcp.TCP(
            sport=ports[speaker], dport=ports[listener], seq=sent[speaker],
            flags=dpkt.tcp.TH_ACK, data=data,
        )  # fmt: skip
        sent[speaker] += len(data)
        ip = dpkt.ip.IP(src=address[speaker], dst=address[listener], p=6, data=tcp)
        ip.len = len(ip)
        yield float(number), bytes(dpkt.ethernet.Ethernet(data=ip))
