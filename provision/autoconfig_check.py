"""Does Thunderbird get the book's settings? The page is fetched from outside, as it does."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from xml.etree import ElementTree

from labctl.i18n import _
from labctl.lab import Edition, Host
from labctl.parallel import beside, on_each
from labctl.reply import unreachable
from labctl.results import Finding
from labctl.scripts import Script
from labctl.wire import Http
from provision.facts import ask
from provision.services import starts_at_boot
from provision.step import Target

UNIT = "autoconfig"
# Where Thunderbird looks on `autoconfig.DOMAIN`, and on the domain itself (to which the lab's
# zones give no address: see the zone file).
PATHS = ("/mail/config-v1.1.xml", "/.well-known/autoconfig/mail/config-v1.1.xml")
_SECONDS = 2.0
_LONGEST = 65536
_CHECK = Script("provision", "autoconfig-check.sh")


@dataclass(frozen=True)
class Server:
    """One server of the page, in the words of Mozilla's format."""

    tag: str
    type: str
    hostname: str
    port: int
    socket_type: str = "plain"
    authentication: str = "password-cleartext"
    username: str = "%EMAILLOCALPART%"

    @property
    def line(self) -> str:
        """The same as one line of text."""
        where = f"{self.hostname}:{self.port}"
        how = f"{self.socket_type} {self.authentication} {self.username}".rstrip()
        return f"{self.type} {where} {how}"


def servers_of(host: Host, edition: Edition) -> tuple[Server, ...]:
    """The chapter's servers for the host's account, the preferred one first."""
    with_auth = edition.relay == "auth"
    how = "password-cleartext" if with_auth else "none"
    user = Server.username if with_auth else ""
    return (
        Server("incomingServer", "imap", host.mail_name, 143),
        Server("incomingServer", "pop3", host.mail_name, 110),
        Server("outgoingServer", "smtp", host.mail_name, 25, authentication=how, username=user),
    )


def check(target: Target) -> list[Finding]:
    """The name has its address, both paths have the book's settings, also after a reboot."""
    host = target.host
    with beside(partial(on_each, PATHS, partial(_fetched, target))) as fetched:
        facts = ask(target, _CHECK, str(host.address), host.domain, UNIT)
    pages = [_page(target, path, page) for path, page in zip(PATHS, fetched(), strict=True)]
    return [
        Finding(
            code="autoconfig.name",
            ok=facts["address"] == str(host.address),
            what=f"autoconfig.{host.domain} A",
            found=facts["address"] or _("no answer"),
            expected=str(host.address),
            hint=_(
                "Ask BIND itself with dig @{address}, then compare it with the zone file.",
                address=host.address,
            ),
            solution=f"autoconfig.{host.domain}. IN A {host.address}",
        ),
        *pages,
        starts_at_boot(
            "autoconfig.boot",
            _("the automatic set-up starts at boot"),
            UNIT,
            facts["enabled"],
        ),
    ]


def _page(target: Target, path: str, page: str) -> Finding:
    host = target.host
    expected = [server.line for server in servers_of(host, target.lab.edition)]
    ok = set(expected) <= set(page.splitlines())
    return Finding(
        code=f"autoconfig.page{path}",
        ok=ok,
        what=f"http://autoconfig.{host.domain}{path}",
        found=page or _("no server"),
        expected="\n".join(expected),
        hint=_("journalctl -u autoconfig shows who asked, and for what."),
        solution="systemctl restart autoconfig",
    )


def _fetched(target: Target, path: str) -> str:
    """The servers on the page, one on each line, or what is wrong with the page."""
    import http.client

    host = target.host
    connection = Http(target.remote.endpoint, str(host.address), _SECONDS)
    try:
        connection.request("GET", path, headers={"Host": f"autoconfig.{host.domain}"})
        answer = connection.getresponse()
        body = answer.read(_LONGEST)
    except OSError as error:
        return unreachable(error)
    except http.client.HTTPException:
        return _("the answer is not HTTP")
    finally:
        connection.close()
    if answer.status != http.client.OK:
        return f"{answer.status} {answer.reason}"
    kind = answer.headers.get_content_type()
    # Thunderbird reads nothing else as XML.
    if kind not in ("text/xml", "application/xml"):
        return kind
    return _servers_in(body)


def _servers_in(body: bytes) -> str:
    try:
        root = ElementTree.fromstring(body)
    except ElementTree.ParseError as error:
        line, column = error.position
        text = _("not valid XML")
        return _("line {line}, column {column}: {text}", line=line, column=column + 1, text=text)
    servers = root.iterfind("emailProvider/*[@type]")
    return "\n".join(_line(server) for server in servers)


def _line(server: ElementTree.Element) -> str:
    def word(tag: str) -> str:
        return server.findtext(tag, "").strip()

    where = f"{word('hostname')}:{word('port')}"
    how = f"{word('socketType')} {word('authentication')} {word('username')}"
    return f"{server.get('type')} {where} {how}".rstrip()
