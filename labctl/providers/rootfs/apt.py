"""This machine's package sources and proxy, for building an image behind a mirror or proxy."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from labctl.errors import MachineLacks
from labctl.hint import commands
from labctl.i18n import _
from labctl.run import run
from labctl.system import os_release_fields

# The releases that labctl has a family for; those of Debian can be had on any machine.
_DEBIAN = ("bookworm", "trixie")
SUPPORTED = (*_DEBIAN, "noble")
_NEWEST = "trixie"
_KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
_OS_RELEASE = Path("/etc/os-release")
_APT = Path("/etc/apt")
_LOCAL_CERTIFICATES = Path("/usr/local/share/ca-certificates")
_PROXY = re.compile(r'^Acquire::(https?)::Proxy "([^"]+)";$', re.MULTILINE)
# The names of the components and keyrings of Debian and Ubuntu.
_COMPONENTS = {
    "main", "contrib", "non-free", "non-free-firmware", "universe", "restricted", "multiverse",
}  # fmt: skip
_OWN_KEYRING = re.compile(r"signed-by=[^\s\]]*/(debian|ubuntu)-archive[^/\s\]]*")
_OFF = {"no", "false", "without", "off", "disable"}
_KEPT = re.compile(r'^(Acquire::Check-(?:Valid-Until|Date)) "([^"]+)";$', re.MULTILINE)

# With apt's defaults (30 s, three retries, one list after another) a silent mirror costs ten
# minutes.
PATIENCE = (
    ("Acquire::Retries", "1"), ("Acquire::http::Timeout", "15"), ("Acquire::https::Timeout", "15"),
)  # fmt: skip


@dataclass(frozen=True)
class AptSetup:
    """The machine's sources, settings and certificates. `suite` is the code name of its release."""

    suite: str
    sources: tuple[str, ...]
    settings: tuple[tuple[str, str], ...]
    proxies: tuple[tuple[str, str], ...]
    certificates: tuple[Path, ...]

    @property
    def sources_list(self) -> str:
        return "\n".join(self.sources) + "\n"

    def conf(self, *, machine: str | None = None) -> str:
        """Lines for apt.conf. With `machine`, a loopback proxy is reached at that address."""
        seen = [(s, _seen_from_lab(url, machine) if machine else url) for s, url in self.proxies]
        settings = "".join(f'{name} "{value}";\n' for name, value in self.settings)
        return settings + proxy_conf(seen)

    @property
    def outward_ports(self) -> tuple[int, ...]:
        """The outgoing TCP ports for the hosts: HTTP, HTTPS and those of mirrors and proxies."""
        urls = [word for line in self.sources for word in line.split() if "://" in word]
        ports = {80, 443, *(_port(url) for url in urls)}
        ports.update(_port(url) for _scheme, url in self.proxies if not _on_loopback(url))
        return tuple(sorted(ports - {25}))

    @property
    def machine_proxy_port(self) -> int | None:
        """The port of a package proxy on this machine, if apt uses one."""
        return next((_port(url) for _scheme, url in self.proxies if _on_loopback(url)), None)


def proxy_conf(proxies: Iterable[tuple[str, str]]) -> str:
    """Lines for apt.conf that set these proxies, each a scheme and a URL."""
    return "".join(f'Acquire::{scheme}::Proxy "{url}";\n' for scheme, url in proxies)


def guest_suite(asked: str | None) -> str:
    """The code name of the release that the hosts get.

    That is the one asked for, else the machine's own if labctl supports it, else the newest.
    """
    own = _os_release().get("VERSION_CODENAME", "")
    return asked or (own if own in SUPPORTED else _NEWEST)


def machine_setup(mirror: str | None = None, release: str | None = None) -> AptSetup:
    """How a host gets its packages, from how this machine gets them.

    Args:
        mirror: Replaces the address of the archive.
        release: The code name of the hosts' release; see `guest_suite`.

    Raises:
        MachineLacks: This is no Debian or descendant, or has no keys of the release.
    """
    found = _os_release()
    own, suite = found.get("VERSION_CODENAME", ""), guest_suite(release)
    sources = _without_third_parties(tuple(dict.fromkeys(_sources(own))))
    if suite != own:
        sources = _of_other_release(sources, own, suite)
    if not suite or not sources:
        raise MachineLacks(
            _("no Debian package source for this system was found in {folder}", folder=_APT),
            cause=found.get("PRETTY_NAME", "?"),
            hint=commands("labctl doctor", text=_("use a provider that works on this machine")),
        )
    if mirror is not None:
        sources = tuple(_with_mirror(line, mirror, suite) for line in sources)
    dump = run(["apt-config", "dump"]).stdout
    return AptSetup(
        suite=suite,
        sources=sources,
        settings=tuple(_KEPT.findall(dump)),
        proxies=tuple((s, u) for s, u in _PROXY.findall(dump) if u != "DIRECT"),
        certificates=tuple(sorted(_LOCAL_CERTIFICATES.rglob("*.crt"))),
    )


def _of_other_release(sources: tuple[str, ...], own: str, suite: str) -> tuple[str, ...]:
    """The machine's Debian sources for another release, else those of Debian's own servers."""
    if not _KEYRING.exists():
        raise MachineLacks(
            _("this machine has no keys of Debian {release}", release=suite),
            cause=str(_KEYRING),
            hint=commands("sudo apt-get install debian-archive-keyring"),
        )
    if own not in _DEBIAN or not sources:
        return tuple(
            f"deb [signed-by={_KEYRING}] {url} {name} main"
            for url, name in (
                ("http://deb.debian.org/debian", suite),
                ("http://deb.debian.org/debian", f"{suite}-updates"),
                ("http://deb.debian.org/debian-security", f"{suite}-security"),
            )
        )
    return tuple(_renamed(line, own, suite) for line in sources)


def _renamed(line: str, own: str, suite: str) -> str:
    """A source line with another release's name, signed by any key of Debian's."""
    line = re.sub(rf" {own}([-/ ])", rf" {suite}\1", line + " ").rstrip()
    return _OWN_KEYRING.sub(f"signed-by={_KEYRING}", line)


def _os_release() -> dict[str, str]:
    try:
        text = _text(_OS_RELEASE)
    except OSError:
        return {}
    return os_release_fields(text)


def _without_third_parties(sources: tuple[str, ...]) -> tuple[str, ...]:
    """Remove sources that are signed by their own key, if the distribution's sources remain.

    If a company's mirror signs everything with its own key, it counts as the distribution.
    """
    own = tuple(line for line in sources if "signed-by=" not in line or _OWN_KEYRING.search(line))
    return own or sources


def _sources(suite: str) -> Iterator[str]:
    """One-line sources of the machine's release, with only Debian's own components."""
    lists = [_APT / "sources.list", *sorted((_APT / "sources.list.d").glob("*.list"))]
    for path in lists:
        if path.exists():
            yield from _one_line_sources(_text(path), suite)
    for path in sorted((_APT / "sources.list.d").glob("*.sources")):
        yield from _deb822_sources(_text(path), suite)


def _text(path: Path) -> str:
    """Read a file whose comments may be in any encoding."""
    return path.read_text(encoding="utf-8", errors="replace")


def _one_line_sources(text: str, suite: str) -> Iterator[str]:
    pattern = re.compile(r"^deb\s+(?:\[([^\]]*)\]\s+)?(\S+)\s+(\S+)\s+(.+?)\s*(?:#.*)?$")
    for line in text.splitlines():
        found = pattern.match(line.strip())
        if found and _is_own(found[3], suite) and _COMPONENTS.issuperset(found[4].split()):
            options = f"[{found[1].strip()}] " if found[1] else ""
            yield f"deb {options}{_mirror_in_list(found[2])} {found[3]} {found[4]}"


def _deb822_sources(text: str, suite: str) -> Iterator[str]:
    for paragraph in re.split(r"\n\s*\n", text):
        fields = dict(_deb822_fields(paragraph))
        components = fields.get("components", "").split()
        is_off = fields.get("enabled", "").lower() in _OFF
        if is_off or "deb" not in fields.get("types", "").split():
            continue
        if not components or not _COMPONENTS.issuperset(components):
            continue
        options = _deb822_options(fields)
        for uri in fields.get("uris", "").split():
            for each in fields.get("suites", "").split():
                if _is_own(each, suite):
                    yield f"deb {options}{_mirror_in_list(uri)} {each} {' '.join(components)}"


def _deb822_options(fields: Mapping[str, str]) -> str:
    """Keyrings and trust in the one-line format, which has no form for an inline key."""
    key, trusted = fields.get("signed-by", ""), fields.get("trusted", "")
    options = [f"signed-by={','.join(key.split())}"] if key.startswith("/") else []
    options += ["trusted=yes"] if trusted == "yes" else []
    return f"[{' '.join(options)}] " if options else ""


def _deb822_fields(paragraph: str) -> Iterable[tuple[str, str]]:
    """Fields with names in lower case and values on one line. A leading space continues a value."""
    lines = [line for line in paragraph.splitlines() if not line.startswith("#")]
    for line in re.sub(r"\n[ \t]+", " ", "\n".join(lines)).splitlines():
        name, colon, value = line.partition(":")
        if colon:
            yield name.strip().lower(), value.strip()


def _mirror_in_list(uri: str) -> str:
    """The first mirror of a list, as in Debian's cloud images. Any other URI is returned unchanged.

    The list (apt-transport-mirror(1)) is a file on this machine, not on the hosts.
    """
    kind, _colon, path = uri.partition(":")
    if kind != "mirror+file":
        return uri
    try:
        lines = _text(Path("/" + path.lstrip("/"))).splitlines()
    except OSError:
        return uri
    return next((line.split()[0] for line in lines if line.strip() and line[0] != "#"), uri)


def _is_own(suite: str, own: str) -> bool:
    return suite in {own, f"{own}-updates", f"{own}-security", f"{own}/updates"}


def _with_mirror(line: str, mirror: str, suite: str) -> str:
    if f"{suite}-security" in line:
        return line
    return re.sub(r"https?://\S+", lambda _old: mirror, line)


def _port(url: str) -> int:
    parts = urlsplit(url)
    return parts.port or (443 if parts.scheme == "https" else 80)


def _on_loopback(url: str) -> bool:
    return urlsplit(url).hostname in {"localhost", "127.0.0.1", "::1"}


def _seen_from_lab(url: str, machine: str) -> str:
    if not _on_loopback(url):
        return url
    parts = urlsplit(url)
    login, at, _host = parts.netloc.rpartition("@")
    return urlunsplit(parts._replace(netloc=f"{login}{at}{machine}:{_port(url)}"))
