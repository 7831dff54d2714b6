"""What an error of the `incus` client means, and what to do about it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from labctl.errors import LabError, MachineLacks
from labctl.hint import Hint, commands
from labctl.i18n import _


class NotThere(LabError):
    """The server has no object of that name."""


class Busy(LabError):
    """The server still carries out an earlier request, perhaps one of a killed labctl."""


@dataclass(frozen=True)
class Server:
    """The server in messages: the remote's name, "" for the client's default."""

    remote: str

    @property
    def title(self) -> str:
        return self.remote or _("the default remote")

    @property
    def prefix(self) -> str:
        """The remote in front of a thing's name."""
        return f"{self.remote}:" if self.remote else ""

    @property
    def member_list(self) -> str:
        """The command that shows which members of a cluster answer."""
        return f"incus cluster list {self.prefix}".rstrip()

    @property
    def added_again(self) -> tuple[str, ...]:
        """The commands that add the remote again with a token."""
        if not self.remote:
            return ("incus remote list", "incus remote add NAME TOKEN")
        return (f"incus remote remove {self.remote}", f"incus remote add {self.remote} TOKEN")


def error_from(said: str, command: str, server: Server) -> LabError:
    """The error for what the client printed.

    Args:
        said: Its output after `Error: `.
        command: The command line.
    """
    for pattern, make in _KINDS:
        if pattern.search(said):
            return make(server, _shortened(said))
    said = _shortened(said)
    if "is busy running" in said:
        return Busy(_("Incus is still busy with an earlier request"), cause=said)
    kind = NotThere if _NOT_THERE.search(said) else LabError
    cause = f"{command}\n{said}"
    return kind(_("Incus refused a request"), cause=cause, hint=commands("labctl doctor"))


def _shortened(said: str, keep: int = 3) -> str:
    """The first and the last lines of what may be thousands."""
    lines = said.splitlines()
    return said if len(lines) <= 2 * keep else "\n".join([*lines[:keep], "…", *lines[-keep:]])


def no_answer(server: Server, cause: str) -> MachineLacks:
    """The server does not answer, or a cluster has lost most of its members."""
    return MachineLacks(
        _("Incus does not answer ({remote})", remote=server.title),
        cause=cause or _("more than half of a cluster's members must be up"),
        hint=commands(server.member_list),
    )


def with_token(*lines: str) -> Hint:
    """A hint of commands that need a token of the server's administrator."""
    text = _("the server's administrator makes a token: incus config trust add NAME")
    return commands(*lines, text=text)


def _no_remote(server: Server, said: str) -> LabError:
    add = f"incus remote add {server.remote or 'NAME'} TOKEN"
    text = _("the Incus client does not know the remote {remote}", remote=server.title)
    return MachineLacks(text, cause=said, hint=with_token("incus remote list", add))


def _no_daemon(server: Server, said: str) -> LabError:
    return MachineLacks(
        _("no Incus server runs on this machine"),
        cause=said,
        hint=commands(
            "sudo systemctl start incus",
            "incus remote list",
            text=_("start it, or name another server with remote in labctl.toml"),
        ),
    )


def _no_rights(_server: Server, said: str) -> LabError:
    return MachineLacks(
        _("this user may not speak to Incus"),
        cause=said,
        hint=commands(
            ["sudo", "usermod", "--append", "--groups", "incus-admin", "USER"],
            text=_("log out and in again after that"),
        ),
    )


def _unreachable(server: Server, said: str) -> LabError:
    return MachineLacks(
        _("Incus cannot be reached ({remote})", remote=server.title),
        cause=said,
        hint=commands("incus remote list", "labctl doctor"),
    )


def _other_certificate(server: Server, said: str) -> LabError:
    name = server.remote or "NAME"
    return MachineLacks(
        _("the Incus server has another certificate than before ({remote})", remote=server.title),
        cause=said,
        hint=commands(
            f"incus remote remove {name}",
            f"incus remote add {name} ADDRESS",
            text=_("if the server's administrator changed it, compare the fingerprint"),
        ),
    )


def _untrusted(server: Server, said: str) -> LabError:
    return MachineLacks(
        _("Incus does not trust this client ({remote})", remote=server.title),
        cause=said,
        hint=with_token(*server.added_again),
    )


def _restricted(server: Server, said: str) -> LabError:
    text = _("the server's administrator sets `restricted: false` for this client")
    return MachineLacks(
        _("Incus restricts this client to some projects ({remote})", remote=server.title),
        cause=said,
        hint=commands("incus config trust edit FINGERPRINT", text=text),
    )


def _pool_full(server: Server, said: str) -> LabError:
    return LabError(
        _("the storage pool of Incus is full ({remote})", remote=server.title),
        cause=said,
        hint=commands(
            f"incus storage list {server.prefix}".rstrip(),
            f"incus storage set {server.prefix}POOL size=100GiB",
            text=_("remove labs that are not needed, or enlarge the pool"),
        ),
    )


def _limited(server: Server, said: str) -> LabError:
    return LabError(
        _("a limit of a project on the Incus server is reached ({remote})", remote=server.title),
        cause=said,
        hint=commands(f"incus project list {server.prefix}".rstrip()),
    )


_NOT_THERE = re.compile(r"not found|doesn't exist|No such object", re.IGNORECASE)
# In this order. The words are those of Incus 6.0 and 7.0.
_KINDS: tuple[tuple[re.Pattern[str], Callable[[Server, str], LabError]], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE), make)
    for pattern, make in (
        # First: the client then prints the name of each file that was not written.
        (r"no space left on device|disk quota exceeded", _pool_full),
        # What a member says whose cluster has no majority, or that is not ready yet.
        (r"cowsql|Failed to begin transaction|Server isn't ready", no_answer),
        (r"^The remote .* doesn't exist", _no_remote),
        (r"daemon doesn't appear to be started", _no_daemon),
        (r"needed permissions to talk|dial unix .*permission denied", _no_rights),
        (r"x509: |failed to verify certificate", _other_certificate),
        (r"Certificate is restricted|not have permission for project", _restricted),
        (r"not authorized|Forbidden", _untrusted),
        (
            r"connection refused|no such host|no route to host|network is unreachable|i/o timeout"
            r"|connect: |dial (unix|tcp|udp)|Unable to connect|deadline exceeded"
            r"|The (local )?(remote|Incus daemon) .*(reachable|running)",
            _unreachable,
        ),
        (r"Reached maximum|project limit|exceeds? .*limit", _limited),
    )
)
