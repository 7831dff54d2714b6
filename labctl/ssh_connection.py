"""A connection to a host over SSH: how it is opened, when it counts as lost, and why it fails.

Only the host keys that the provider pinned are accepted. The user's own SSH configuration, keys and
agent have no part in it.
"""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Callable
from concurrent.futures import Future, wait
from contextlib import suppress
from functools import partial
from typing import Any

import paramiko
from fabric import Config, Connection

from labctl import dial
from labctl.endpoint import Endpoint
from labctl.errors import WrongState, words_of
from labctl.hint import commands
from labctl.i18n import _
from labctl.tunnel import Tunnel
from labctl.waiting import ASK_SECONDS, retry_while

# Errors are exceptions here. paramiko would also print them.
logging.getLogger("paramiko").addHandler(logging.NullHandler())

_CONNECT_SECONDS = 10
# Seconds after which paramiko itself gives up a channel, if nobody else has done so.
_CHANNEL_SECONDS = 60

# A host that disappears silently is noticed after 40 s. Each system supports some of these.
_MISSED = {
    "TCP_KEEPIDLE": 10, "TCP_KEEPINTVL": 6, "TCP_KEEPCNT": 5, "TCP_USER_TIMEOUT": 40_000,
}  # fmt: skip


class SshConnection:
    """A connection through an endpoint. It is opened when it is needed, also after a loss."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._opening = threading.Lock()
        self._abandoned = False
        self._tunnel: Tunnel | None = None
        self._connection = Connection(
            host=endpoint.address,
            user=endpoint.user,
            port=endpoint.port,
            connect_timeout=_CONNECT_SECONDS,
            # An empty ssh_config, because the user's own must not affect the connection.
            config=Config(ssh_config=paramiko.SSHConfig(), lazy=True),
            connect_kwargs={
                "key_filename": str(endpoint.key),
                "look_for_keys": False,
                "allow_agent": False,
                "transport_factory": _transport,
            },
        )
        self._connection.client.set_missing_host_key_policy(paramiko.RejectPolicy())
        try:
            self._connection.client.load_host_keys(str(endpoint.known_hosts))
        except OSError as error:
            raise self.unreachable(error) from error

    @property
    def is_connected(self) -> bool:
        return bool(self._connection.is_connected)

    @property
    def transport(self) -> paramiko.Transport:
        transport: paramiko.Transport = self._connection.transport
        return transport

    def close(self) -> None:
        """Close the connection. The next command opens a new one."""
        self._connection.close()
        self._close_tunnel()

    def abandon(self) -> None:
        """Close the connection for good. Further operations of other threads fail."""
        self._abandoned = True
        self.close()

    def open(self) -> None:
        """Connect, unless it is connected already."""
        # Several threads may use one host. One of them connects.
        with self._opening:
            if self._abandoned:
                raise EOFError(_("the connection was lost"))
            if not self._connection.is_connected:
                try:
                    self._open_way()
                    self._connection.open()
                except TimeoutError as error:
                    # No answer at all, unlike a command that has started and does not end.
                    raise ConnectionError(_("no answer in time")) from error
                except paramiko.BadHostKeyException:
                    raise
                except (paramiko.SSHException, OSError, EOFError) as error:
                    # The proxy command knows the reason, such as a host that does not run.
                    if said := self._close_tunnel():
                        raise ConnectionError(said) from error
                    raise
                _tune(self._connection.transport.sock)

    def _open_way(self) -> None:
        """Give paramiko a socket, unless it can make the connection itself."""
        self._close_tunnel()
        endpoint = self._endpoint
        if endpoint.proxy_command:
            self._tunnel = Tunnel(endpoint.proxy_command)
            self._connection.connect_kwargs["sock"] = self._tunnel.socket
        elif endpoint.netns is not None:
            plug = dial.tcp(endpoint, endpoint.address, endpoint.port, _CONNECT_SECONDS)
            self._connection.connect_kwargs["sock"] = plug

    def _close_tunnel(self) -> str:
        """End the proxy command if there is one. Returns its stderr."""
        tunnel, self._tunnel = self._tunnel, None
        return tunnel.close() if tunnel is not None else ""

    def session(self) -> paramiko.Channel:
        """A channel for one command. sshd refuses the eleventh (MaxSessions in sshd_config(5))."""
        channel: paramiko.Channel = retry_while(
            self.is_refusal, self._connection.create_session, seconds=30, every=0.05
        )
        return channel

    def tcp(self, address: str, port: int, left: Callable[[], float]) -> paramiko.Channel:
        """A channel to an address that the host itself connects to.

        paramiko waits for a fixed time, so a thread of its own does that.

        Raises:
            TimeoutError: no seconds are left.
        """
        opening = Future[paramiko.Channel]()
        ask = partial(
            self.transport.open_channel,
            "direct-tcpip",
            (address, port),
            ("127.0.0.1", 0),
            timeout=_CHANNEL_SECONDS,
        )

        def work() -> None:
            try:
                opening.set_result(ask())
            except Exception as error:
                opening.set_exception(error)

        threading.Thread(target=work, daemon=True).start()
        while not wait([opening], min(seconds := left(), ASK_SECONDS)).done:
            if seconds <= 0:
                opening.add_done_callback(_close)
                raise TimeoutError
        return opening.result()

    def is_refusal(self, error: BaseException) -> bool:
        """Whether a running host refused a channel.

        If two channels are refused at once, paramiko raises a bare exception for one of them.
        """
        return isinstance(error, paramiko.SSHException) and self._connection.is_connected

    def unreachable(self, error: Exception) -> WrongState:
        """The error for a host that cannot be reached, by its cause, with the way out."""
        if isinstance(error, paramiko.BadHostKeyException):
            return WrongState(
                _(
                    "the SSH host key of {host} is not the one that labctl recorded",
                    host=self._endpoint.host,
                ),
                cause=_(
                    "{found}, not {pinned}",
                    found=error.key.fingerprint,
                    pinned=error.expected_key.fingerprint,
                ),
                hint=commands(
                    "labctl reset",
                    text=_(
                        "restore the host's own key in /etc/ssh, or reset to a checkpoint, "
                        "which contains it"
                    ),
                ),
            )
        pinned = (str(self._endpoint.key), str(self._endpoint.known_hosts))
        if isinstance(error, FileNotFoundError) and error.filename in pinned:
            return WrongState(
                _("a key of the lab is missing"),
                cause=str(error.filename),
                hint=commands("labctl destroy", "labctl up"),
            )
        return WrongState(
            _("{host} does not answer over SSH", host=self._endpoint.host),
            cause=_reason(error),
            hint=commands(
                "labctl up",
                "labctl reset",
                text=_("up starts a host that is off; reset repairs one that refuses every login"),
            ),
        )


def _transport(sock: socket.socket, **options: Any) -> paramiko.Transport:
    """A transport that prefers AES-GCM: of any other cipher, paramiko checks the MAC in Python."""
    transport = paramiko.Transport(sock, **options)
    wanted = transport.get_security_options()
    wanted.ciphers = sorted(wanted.ciphers, key=lambda name: "gcm" not in name)
    return transport


def _close(opening: Future[paramiko.Channel]) -> None:
    """Close a channel for which nobody waits any more."""
    if opening.exception() is None:
        opening.result().close()


def _reason(error: Exception) -> str:
    """What a person would say of it, where paramiko's words say what it did."""
    if isinstance(error, paramiko.AuthenticationException):
        return _("its SSH server does not accept labctl's key")
    if isinstance(error, paramiko.SSHException) and "banner" in str(error):
        return _("its SSH server ends each connection at once")
    return words_of(error)


def _tune(connection: socket.socket) -> None:
    if connection.family not in (socket.AF_INET, socket.AF_INET6):
        # The socket of a proxy command, which manages its own connection.
        return
    # Nagle's algorithm and delayed acknowledgements together cost 40 ms per command.
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in _MISSED.items():
        if hasattr(socket, option):
            # A system may name an option that it does not take.
            with suppress(OSError):
                connection.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)
