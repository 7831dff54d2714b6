"""This machine's own way to its packages, so that an image builds behind a mirror or proxy."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from labctl.errors import MachineLacks
from labctl.i18n import _
from labctl.run import run

_OS_RELEASE = Path("/etc/os-release")
_APT = Path("/etc/apt")
_LOCAL_CERTIFICATES = Path("/usr/local/share/ca-certificates")
_PROXY = re.compile(r'^Acquire::(https?)::Proxy "([^"]+)";$', re.MULTILINE)
_KEPT = re.compile(r'^(Acquire::Check-(?:Valid-Until|Date)) "([^"]+)";$', re.MULTILINE)


@dataclass(frozen=True)
class AptSetup:
    """Sources, settings and certificates of the machine; `suite` is its release's code name."""

    suite: str
    sources: tuple[str, ...]
    settings: tuple[tuple[str, str], ...]
    proxies: tuple[tuple[str, str], ...]
    certificates: tuple[Path, ...]

    @property
    def sources_list(self) -> str:
        return "\n".join(self.sources) + "\n"

    def conf(self, *, machine: str | None = None) -> str:
        """apt.conf lines; with `machine`, a proxy on the loopback is reached at that address."""
        lines = [f'{name} "{value}";' for name, value in self.settings]
        for scheme, url in self.proxies:
            seen = _seen_from_lab(url, machine) if machine else url
            lines.append(f'Acquire::{scheme}::Proxy "{seen}";')
        return "".join(f"{line}\n" for line in lines)

    @property
    def outward_ports(self) -> tuple[int, ...]:
        """TCP ports the hosts need outward: HTTP, HTTPS and those of mirrors and proxies."""
        urls = [word for line in self.sources for word in line.split() if "://" in word]
        ports = {80, 443, *(_port(url) for url in urls)}
        ports.update(_port(url) for _scheme, url in self.proxies if not _on_loopback(url))
        return tuple(sorted(ports - {25}))

    @property
    def machine_proxy_port(self) -> int | None:
        """The port of a package proxy on this machine itself, if that is how it gets them."""
        return next((_port(url) for _scheme, url in self.proxies if _on_loopback(url)), None)


def machine_setup(mirror: str | None = None) -> AptSetup:
    """Reads how this machine gets its packages; `mirror` replaces the archive's address.

    Raises MachineLacks where it is not a Debian or a descendant.
    """
    release = _os_release()
    suite = release.get("VERSION_CODENAME", "")
    sources = tuple(dict.fromkeys(_sources(suite)))
    if not suite or not sources:
        raise MachineLacks(
            _("no Debian package source for this system was found in {folder}", folder=_APT),
            cause=release.get("PRETTY_NAME", "?"),
            hint=_("use VirtualBox instead: labctl up --provider vagrant"),
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


def _os_release() -> dict[str, str]:
    try:
        text = _OS_RELEASE.read_text(encoding="utf-8")
    except OSError:
        return {}
    pairs = (line.partition("=") for line in text.splitlines() if "=" in line)
    return {key: value.strip('"') for key, _, value in pairs}


def _sources(suite: str) -> Iterator[str]:
    """One-line sources of the machine's own release; third parties' are left out."""
    lists = [_APT / "sources.list", *sorted((_APT / "sources.list.d").glob("*.list"))]
    for path in lists:
        if path.exists():
            yield from _one_line_sources(path.read_text(encoding="utf-8"), suite)
    for path in sorted((_APT / "sources.list.d").glob("*.sources")):
        yield from _deb822_sources(path.read_text(encoding="utf-8"), suite)


def _one_line_sources(text: str, suite: str) -> Iterator[str]:
    pattern = re.compile(r"^deb\s+(?:\[([^\]]*)\]\s+)?(\S+)\s+(\S+)\s+(.+?)\s*(?:#.*)?$")
    for line in text.splitlines():
        found = pattern.match(line.strip())
        if found and _is_own(found[3], suite):
            options = f"[{found[1].strip()}] " if found[1] else ""
            yield f"deb {options}{found[2]} {found[3]} {found[4]}"


def _deb822_sources(text: str, suite: str) -> Iterator[str]:
    for paragraph in re.split(r"\n\s*\n", text):
        fields = dict(_deb822_fields(paragraph))
        if "deb" not in fields.get("types", "").split() or fields.get("enabled") == "no":
            continue
        key = fields.get("signed-by", "")
        options = f"[signed-by={key}] " if key.startswith("/") else ""
        for uri in fields.get("uris", "").split():
            for each in fields.get("suites", "").split():
                if _is_own(each, suite):
                    yield f"deb {options}{uri} {each} {fields.get('components', 'main')}"


def _deb822_fields(paragraph: str) -> Iterable[tuple[str, str]]:
    for line in paragraph.splitlines():
        name, colon, value = line.partition(":")
        if colon and not line.startswith(("#", " ", "\t")):
            yield name.strip().lower(), value.strip()


def _is_own(suite: str, own: str) -> bool:
    return suite in {own, f"{own}-updates", f"{own}-security", f"{own}/updates"}


def _with_mirror(line: str, mirror: str, suite: str) -> str:
    if f"{suite}-security" in line:
        return line
    return re.sub(r"https?://\S+", mirror, line)


def _port(url: str) -> int:
    parts = urlsplit(url)
    return parts.port or (443 if parts.scheme == "https" else 80)


def _on_loopback(url: str) -> bool:
    return urlsplit(url).hostname in {"localhost", "127.0.0.1", "::1"}


def _seen_from_lab(url: str, machine: str) -> str:
    if not _on_loopback(url):
        return url
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=f"{machine}:{_port(url)}"))
