"""Small servers for a host in memory, and the network between it and the labctl machine."""

from __future__ import annotations

import base64
import contextlib
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import dns.exception
import dns.query
import dns.rcode
import pytest

from labctl import dial

Server = Callable[[socket.socket], None]


def _lines(connection: socket.socket, greeting: str) -> Iterator[tuple[str, Callable[[str], None]]]:
    """Greet, then yield each line of the client with a way to answer it."""

    def answer(text: str) -> None:
        connection.sendall(text.encode() + b"\r\n")

    # A client that is gone ends the conversation.
    with connection, contextlib.suppress(OSError):
        answer(greeting)
        with connection.makefile("rb") as reader:
            for line in reader:
                yield line.decode().rstrip("\r\n"), answer


@dataclass(frozen=True)
class Smtp:
    """Postfix as a check meets it: AUTH against a password, and mail without a login."""

    name: str = "mail.example1.jp"
    mechanisms: str = "PLAIN LOGIN"
    user: str = "user1"
    password: str = "secret-1"
    failure: str = "535 5.7.8 Error: authentication failed"
    recipient: str = "250 2.1.5 Ok"
    # Instead of its name.
    greeting: str = ""

    def __call__(self, connection: socket.socket) -> None:
        login: list[str] = []
        in_data = False
        for line, answer in _lines(connection, self.greeting or f"220 {self.name} ESMTP Postfix"):
            word = line.upper().split(" ")[0]
            if in_data:
                if line == ".":
                    in_data = False
                    answer("250 2.0.0 Ok: queued as 4X")
            elif login:
                login.append(base64.b64decode(line).decode())
                if len(login) == 2:
                    answer("334 UGFzc3dvcmQ6")
                else:
                    answer(self._judged(login[1:]))
                    login.clear()
            elif word == "EHLO":
                auth = [f"AUTH {self.mechanisms}"] if self.mechanisms else []
                answer("\r\n".join([f"250-{self.name}", *(f"250-{a}" for a in auth), "250 DSN"]))
            elif line.upper().startswith("AUTH PLAIN "):
                answer(self._judged(base64.b64decode(line.split()[2]).decode().split("\0")[1:]))
            elif line.upper().startswith("AUTH LOGIN"):
                login.append("LOGIN")
                if len(line.split()) > 2:
                    login.append(base64.b64decode(line.split()[2]).decode())
                answer("334 UGFzc3dvcmQ6" if len(login) == 2 else "334 VXNlcm5hbWU6")
            elif word == "RCPT":
                answer(self.recipient)
            elif word == "DATA":
                in_data = True
                answer("354 End data with <CR><LF>.<CR><LF>")
            else:
                answer("250 2.0.0 Ok")

    def _judged(self, login: list[str]) -> str:
        if self.failure.startswith("454") or login != [self.user, self.password]:
            return self.failure
        return "235 2.7.0 Authentication successful"


@dataclass(frozen=True)
class Imap:
    """Dovecot's IMAP: LOGIN and EXAMINE."""

    user: str = "user1"
    password: str = "secret-1"
    inbox: str = "OK"

    def __call__(self, connection: socket.socket) -> None:
        for line, answer in _lines(connection, "* OK Dovecot ready."):
            tag, word, *rest = line.split(" ", 2)
            if word == "CAPABILITY":
                answer(f"* CAPABILITY IMAP4rev1\r\n{tag} OK done")
            elif word == "LOGIN":
                right = rest == [f'{self.user} "{self.password}"']
                answer(f"{tag} OK in" if right else f"{tag} NO [AUTHENTICATIONFAILED] failed.")
            elif self.inbox == "OK":
                answer(f"* 3 EXISTS\r\n{tag} OK [READ-ONLY] done")
            else:
                answer(f"{tag} {self.inbox}")


@dataclass(frozen=True)
class Pop3:
    """Dovecot's POP3: USER, PASS and STAT."""

    user: str = "user1"
    password: str = "secret-1"

    def __call__(self, connection: socket.socket) -> None:
        name = ""
        for line, answer in _lines(connection, "+OK Dovecot ready."):
            word, _space, value = line.partition(" ")
            if word == "USER":
                name = value
                answer("+OK")
            elif word == "PASS":
                right = (name, value) == (self.user, self.password)
                answer("+OK Logged in." if right else "-ERR [AUTH] Authentication failed.")
            else:
                answer("+OK 3 4096")


@dataclass(frozen=True)
class Http:
    """A web server with pages by path, each a content type and a body."""

    pages: Mapping[str, tuple[str, str]]
    host: str = "autoconfig.example1.jp"

    def __call__(self, connection: socket.socket) -> None:
        with connection, connection.makefile("rb") as reader:
            path = reader.readline().decode().split()[1]
            headers = [line.decode().strip() for line in iter(reader.readline, b"\r\n")]
            kind, body = self.pages.get(path, ("", ""))
            found = kind and f"Host: {self.host}" in headers
            status = "200 OK" if found else "404 Not Found"
            connection.sendall(
                f"HTTP/1.0 {status}\r\nContent-Type: {kind or 'text/html'}\r\n\r\n{body}".encode()
            )


def silent_server(connection: socket.socket) -> None:
    """A server that only accepts."""
    connection.close()


def tcp_pair() -> tuple[socket.socket, socket.socket]:
    """Two ends of a TCP connection on this machine."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        ours = socket.socket()
        ours.connect(listener.getsockname())
        return ours, listener.accept()[0]


@dataclass
class Network:
    """What the labctl machine meets at the host's ports: a server, `refused` or `silent`."""

    tcp: dict[int, Server | str]
    udp: dict[int, str]

    def install(self, monkeypatch: pytest.MonkeyPatch, address: str) -> None:
        """Replace the connections into a lab, and the one query over UDP."""

        def tcp(_endpoint: object, where: str, port: int, _timeout: float) -> socket.socket:
            assert where == address
            found = self.tcp.get(port, "refused")
            if found == "refused":
                raise ConnectionRefusedError(port)
            if isinstance(found, str):
                raise TimeoutError(port)
            ours, theirs = tcp_pair()
            ours.settimeout(10)
            threading.Thread(target=found, args=[theirs], daemon=True).start()
            return ours

        def query(
            asked: dns.message.Message, where: str, _timeout: float, **_sock: object
        ) -> dns.message.Message:
            assert where == address
            if self.udp.get(53) == "refused":
                raise ConnectionRefusedError
            if self.udp.get(53) not in ("open", "denied"):
                raise dns.exception.Timeout
            answer = dns.message.make_response(asked)
            if self.udp[53] == "denied":
                answer.set_rcode(dns.rcode.REFUSED)
            return answer

        monkeypatch.setattr(dial, "tcp", tcp)
        monkeypatch.setattr(dns.query, "udp", query)
