"""Python's own protocol clients over a socket that somebody else made.

The socket may be in the network of a lab (labctl.dial) or lead through SSH (Remote.open_tcp).
"""

from __future__ import annotations

import http.client
import imaplib
import poplib
import smtplib
from ipaddress import IPv4Address
from typing import Any

from labctl import dial
from labctl.endpoint import Endpoint


class Smtp(smtplib.SMTP):
    """An SMTP client; call `greet` first.

    Args:
        plug: A connected socket.
        timeout: Seconds for each answer.
        machine: The address of the client, which is the name that it gives (RFC 5321, 4.1.3). A
            server may refuse a name that DNS does not know.
    """

    def __init__(self, plug: Any, timeout: float, machine: IPv4Address) -> None:
        self._plug = plug
        super().__init__(local_hostname=f"[{machine}]", timeout=timeout)

    def _get_socket(self, _host: Any, _port: Any, _timeout: Any) -> Any:
        return self._plug

    def greet(self) -> None:
        """Read the server's greeting.

        Raises:
            smtplib.SMTPConnectError: The server greets with something else than 220.
            OSError: It does not greet at all.
        """
        code, text = self.connect("lab", 25)
        if code != 220:
            self.close()
            raise smtplib.SMTPConnectError(code, text)

    def getreply(self) -> tuple[int, bytes]:
        """The server's next answer, as the base class reads it.

        Raises:
            TimeoutError: There was none in time. The base class calls that a closed connection.
        """
        try:
            return super().getreply()
        except smtplib.SMTPServerDisconnected as error:
            if isinstance(error.__context__, TimeoutError):
                raise error.__context__ from error
            raise


class Imap(imaplib.IMAP4):
    """An IMAP client over a connected socket."""

    def __init__(self, plug: Any) -> None:
        self._plug = plug
        super().__init__("lab")

    def _create_socket(self, _timeout: Any = None) -> Any:
        return self._plug


class Pop3(poplib.POP3):
    """A POP3 client over a connected socket."""

    def __init__(self, plug: Any) -> None:
        self._plug = plug
        super().__init__("lab")

    def _create_socket(self, _timeout: Any) -> Any:
        return self._plug


class Http(http.client.HTTPConnection):
    """An HTTP client that connects in the network of a lab, see labctl.dial.tcp."""

    def __init__(self, endpoint: Endpoint, address: str, timeout: float) -> None:
        super().__init__(address, 80, timeout=timeout)
        self._endpoint = endpoint
        self._seconds = timeout

    def connect(self) -> None:
        self.sock = dial.tcp(self._endpoint, self.host, self.port, self._seconds)
