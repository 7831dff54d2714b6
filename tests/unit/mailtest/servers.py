"""SMTP, IMAP, POP3 and DNS servers in memory, reached through labctl.dial."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field

import dns.message
import dns.rrset
import pytest

from labctl.endpoint import Endpoint

Handler = Callable[[socket.socket], None]

SMTP_REPLIES = {
    "EHLO": "250-mail\r\n250-SIZE 10240000\r\n250 AUTH PLAIN LOGIN",
    "MAIL": "250 2.1.0 Ok",
    "RCPT": "250 2.1.5 Ok",
    "AUTH": "235 2.7.0 Authentication successful",
    "DATA": "354 End data with <CR><LF>.<CR><LF>",
    "QUIT": "221 2.0.0 Bye",
}


@dataclass
class Smtp:
    """An SMTP server. `replies` are by verb or by the whole line; `taken` are its messages."""

    replies: Mapping[str, str] = field(default_factory=dict)
    heard: list[str] = field(default_factory=list)
    taken: list[bytes] = field(default_factory=list)

    def __call__(self, plug: socket.socket) -> None:
        with plug, plug.makefile("rb") as lines:
            plug.sendall(b"220 mail ESMTP\r\n")
            for raw in lines:
                line = raw.decode().rstrip("\r\n")
                self.heard.append(line)
                reply = self._reply(line)
                plug.sendall(reply.encode() + b"\r\n")
                if line.upper().startswith("DATA") and reply.startswith("354"):
                    self.taken.append(_until_dot(lines))
                    plug.sendall(b"250 2.0.0 Ok: queued as ABCDEF\r\n")

    def _reply(self, line: str) -> str:
        verb = line[:4].upper()
        for name, reply in self.replies.items():
            # smtplib of Python 3.13 writes "rcpt to:", older ones "rcpt TO:".
            if line.upper().startswith(name.upper()):
                return reply
        return SMTP_REPLIES.get(verb, "235 2.7.0 Authentication successful")


def _until_dot(lines: object) -> bytes:
    text = b""
    for line in lines:  # type: ignore[attr-defined]
        if line == b".\r\n":
            break
        text += line.removeprefix(b".") if line.startswith(b"..") else line
    return text


@dataclass
class Imap:
    """An IMAP server for one account with one inbox."""

    login: tuple[str, str]
    box: list[bytes]

    def __call__(self, plug: socket.socket) -> None:
        with plug, plug.makefile("rb") as lines:
            plug.sendall(b"* OK [CAPABILITY IMAP4rev1] ready\r\n")
            for raw in lines:
                tag, _blank, command = raw.decode().rstrip("\r\n").partition(" ")
                for reply in self._replies(command):
                    plug.sendall(reply + b"\r\n")
                done = b"NO failed" if self._is_wrong_login(command) else b"OK done"
                plug.sendall(tag.encode() + b" " + done + b"\r\n")

    def _is_wrong_login(self, command: str) -> bool:
        words = command.replace('"', "").split()
        return words[0] == "LOGIN" and tuple(words[1:]) != self.login

    def _replies(self, command: str) -> list[bytes]:
        words = command.upper().split()
        if words[0] == "LOGOUT":
            return [b"* BYE logging out"]
        if words[0] == "CAPABILITY":
            return [b"* CAPABILITY IMAP4rev1"]
        if words[0] in ("SELECT", "EXAMINE"):
            return [b"* %d EXISTS" % len(self.box)]
        if words[:2] == ["UID", "SEARCH"]:
            wanted = command.rpartition('HEADER "Message-ID" ')[2].strip('()"').encode()
            found = [b"%d" % n for n, raw in enumerate(self.box, 1) if wanted in raw]
            return [b" ".join([b"* SEARCH", *found])]
        if words[:2] == ["UID", "FETCH"]:
            raw = self.box[int(words[2]) - 1]
            return [b"* 1 FETCH (UID 1 BODY[] {%d}\r\n%b)" % (len(raw), raw)]
        return []


@dataclass
class Pop3:
    """A POP3 server for one account."""

    login: tuple[str, str]
    box: list[bytes]

    def __call__(self, plug: socket.socket) -> None:
        user = ""
        with plug, plug.makefile("rb") as lines:
            plug.sendall(b"+OK ready\r\n")
            for raw in lines:
                verb, _blank, word = raw.decode().rstrip("\r\n").partition(" ")
                if verb == "USER":
                    user = word
                plug.sendall(self._reply(verb, word, user) + b"\r\n")

    def _reply(self, verb: str, word: str, user: str) -> bytes:
        if verb == "PASS" and (user, word) != self.login:
            return b"-ERR [AUTH] failed"
        if verb == "STAT":
            return b"+OK %d 1" % len(self.box)
        if verb == "RETR":
            return b"+OK\r\n" + self.box[int(word) - 1] + b"."
        return b"+OK"


class Dns:
    """A UDP socket whose peer is a name server. `records` are lines by name and type."""

    family = socket.AF_INET

    def __init__(self, records: Mapping[tuple[str, str], str]) -> None:
        self._records = records
        self._reply = b""
        self._server = ("", 0)

    def __enter__(self) -> Dns:
        return self

    def __exit__(self, *_error: object) -> None:
        """Nothing to close."""

    def sendto(self, data: bytes, server: tuple[str, int]) -> int:
        query = dns.message.from_wire(data)
        reply = dns.message.make_response(query)
        asked = query.question[0]
        name, rdtype = asked.name.to_text(omit_final_dot=True), asked.rdtype.name
        if text := self._records.get((name, rdtype)):
            lines = text.splitlines()
            reply.answer.append(dns.rrset.from_text(asked.name, 300, "IN", rdtype, *lines))
        elif not any(known == name for known, _type in self._records):
            reply.set_rcode(dns.rcode.NXDOMAIN)
        self._reply, self._server = reply.to_wire(), server
        return len(data)

    def recvfrom(self, _size: int) -> tuple[bytes, tuple[str, int]]:
        return self._reply, self._server


def _run(server: Handler, plug: socket.socket) -> None:
    # A client may close the connection before it has read everything.
    with suppress(OSError):
        server(plug)


def serve(
    monkeypatch: pytest.MonkeyPatch,
    servers: Mapping[tuple[str, int], Handler],
    records: Mapping[tuple[str, str], str] | None = None,
) -> None:
    """Have labctl.dial reach these servers, by address and port, and no others."""

    def tcp(_endpoint: Endpoint, address: str, port: int, timeout: float) -> socket.socket:
        if (address, port) not in servers:
            raise ConnectionRefusedError(111, "Connection refused")
        ours, theirs = socket.socketpair()
        ours.settimeout(timeout)
        threading.Thread(target=_run, args=[servers[address, port], theirs], daemon=True).start()
        return ours

    monkeypatch.setattr("labctl.dial.tcp", tcp)
    monkeypatch.setattr("labctl.dial.udp", lambda _endpoint: Dns(records or {}))
