"""Will BIND still answer after its next start? Its files were edited, and it has not read them yet.

What it answers now says nothing of that, so its settings are judged as the files have them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from labctl.i18n import _
from labctl.lab import Host
from labctl.results import Finding
from provision.bind_settings import Lists, Statement, lists, parsed, who_may_ask
from provision.facts import Facts
from provision.step import Target

# Another port is not the one that programs ask.
_PORT = ((), ("port", "53"))
_NO = ("no", "false", "0")
# What names the servers of a zone that BIND fetches or asks for, by the zone's type.
_SERVERS = {
    "stub": ("primaries", "masters"),
    "secondary": ("primaries", "masters"),
    "slave": ("primaries", "masters"),
    "static-stub": ("server-addresses",),
}


@dataclass(frozen=True)
class _Wrong:
    """A setting that is wrong: its name, how it is told, and what to write in its place."""

    name: str
    found: str
    solution: str


def _setting(setting: Statement, solution: str) -> _Wrong:
    return _Wrong(setting.words[0], setting.text, solution)


def next_start(
    target: Target, facts: Facts, *, asks_itself: bool, finds_peer: bool
) -> Finding | None:
    """The first setting by which BIND would no longer do what the book needs.

    Args:
        facts: those of dns-check.sh.
        asks_itself: whether this host's programs ask its own BIND for every name.
        finds_peer: whether this host finds the other one's zone now.
    """
    if wrong := _file_or_option(target, facts):
        return wrong
    settings = _without_views(facts.lines("next"))
    if settings is None:
        return None
    setting = _first_wrong(target, settings, asks_itself=asks_itself)
    if setting is None and asks_itself and finds_peer:
        setting = _way_to_peer(settings, target.peer)
    if setting is None:
        return None
    return _next_start(
        setting.found,
        setting.solution,
        _("BIND still has what it read at its start. What does named-checkconf -p show now?"),
        f"{setting.solution} rndc reload",
    )


def _next_start(found: str, expected: str, hint: str, solution: str) -> Finding:
    what = _("what BIND does after its next start")
    return Finding("dns.next-start", False, what, found, expected, hint, solution)


def _file_or_option(target: Target, facts: Facts) -> Finding | None:
    """What keeps BIND from starting or from loading the zone, beside its settings."""
    bind = target.family.bind
    if options := facts.lines("option"):
        return _next_start(
            options[0],
            f"-u {bind.group}",
            _("BIND is started with these options. Do the user and the files exist?"),
            f"{options[0].partition(':')[0]}: -u {bind.group}",
        )
    if closed := facts.lines("closed"):
        return _next_start(
            closed[0],
            _("BIND can read it"),
            _("named-checkconf reads the files as root. As which user will BIND read them?"),
            f"chmod 644 {closed[0].split()[0]}",
        )
    if logs := facts.lines("unwritable"):
        folder = logs[0].rpartition("/")[0] or "."
        return _next_start(
            logs[0],
            _("BIND can write it"),
            _("BIND opens its log files when it starts. Does the folder exist, and whose is it?"),
            f"install -d -o {bind.group} -g {bind.group} {folder}",
        )
    return None


def why_no_answer(target: Target, facts: Facts, *, asks_itself: bool) -> Finding | None:
    """The first setting for which BIND does not answer as the book needs."""
    lines = facts.lines("settings")
    settings = _without_views(lines)
    if settings is None:
        wrong = _wrong_view(target, parsed(lines))
    else:
        wrong = _first_wrong(target, settings, asks_itself=asks_itself)
    return not_answered(wrong.name, wrong.found, wrong.solution) if wrong else None


def _wrong_view(target: Target, settings: Statement) -> _Wrong | None:
    """There are views, and none of them is for the host itself."""
    named = lists(settings, target.host.address, target.lab.network.cidr)
    clients = [view.within("match-clients") for view in settings.all_within("view")]
    if any(each is None or named.admits(each.body, target.host.address) for each in clients):
        return None
    last = clients[-1] if clients else None
    return _setting(last, "match-clients { any; };") if last else None


def why_no_peer(target: Target, facts: Facts) -> Finding | None:
    """The setting for which BIND rejects the other host's answers, though it asks that host."""
    settings = _without_views(facts.lines("settings"))
    if settings is None or _way_to_peer(settings, target.peer) is not None:
        return None
    wrong = next(_rejecting(settings, target), None)
    return not_answered(wrong.name, wrong.found, wrong.solution) if wrong else None


def not_answered(setting: str, found: str, solution: str) -> Finding:
    """BIND does not answer as the book needs, because of a setting."""
    return Finding(
        code=f"dns.{setting}",
        ok=False,
        what=_("whom BIND answers, and what"),
        found=found,
        expected=solution,
        hint=_("named-checkconf -p shows all settings: which one keeps BIND from answering?"),
        solution=f"{solution} rndc reload",
    )


def _without_views(lines: Sequence[str]) -> Statement | None:
    """The settings; None if there are views, with which it depends on who asks."""
    settings = parsed(lines)
    return settings if settings.body and not settings.all_within("view") else None


def _first_wrong(target: Target, settings: Statement, *, asks_itself: bool) -> _Wrong | None:
    named = lists(settings, target.host.address, target.lab.network.cidr)
    return next(_wrong(target, settings, named, asks_itself=asks_itself), None)


def _way_to_peer(settings: Statement, peer: Host) -> _Wrong | None:
    """Why BIND does not ask the other host for its zone, None if it does."""
    options = settings.within("options") or Statement(())
    labels = peer.domain.split(".")
    # The zone that is nearest to the name decides, the root being the last one.
    names = [".".join(labels[start:]) for start in range(len(labels) + 1)]
    zone = next((each for each in map(settings.zone, names) if each is not None), None)
    kind = zone.within("type") if zone else None
    if zone is not None and kind is not None and kind.words[-1] not in ("forward", "hint"):
        servers = _SERVERS.get(kind.words[-1], ())
        listed = next(filter(None, map(zone.within, servers)), None)
    else:
        listed = zone.within("forwarders") if zone else None
        # The forwarders of all zones count for one that names none.
        everywhere = options.within("forwarders")
        if listed is None and not (everywhere and _has_server(everywhere, peer)):
            forward = f"type forward; forward only; forwarders {{ {peer.address}; }};"
            found = _("its configuration does not have the zone {domain}", domain=peer.domain)
            return _Wrong("zone", found, f'zone "{peer.domain}" {{ {forward} }};')
    # A copy of the zone, or a list of servers that has a name.
    if listed is None or any(not _is_address(each.words[0]) for each in listed.body if each.words):
        return None
    return (
        None
        if _has_server(listed, peer)
        else _setting(listed, f"{listed.words[0]} {{ {peer.address}; }};")
    )


def _has_server(listed: Statement, peer: Host) -> bool:
    """Whether the other host is in a list of servers, with the port of name servers."""
    own = (each for each in listed.body if each.words[:1] == (str(peer.address),))
    return any(_port(each) == "53" for each in own)


def _is_address(word: str) -> bool:
    return bool(re.fullmatch(r"[0-9a-fA-F:.]+", word)) and not word.isalpha()


def _port(server: Statement) -> str:
    words = dict(zip(server.words[1::2], server.words[2::2], strict=False))
    return words.get("port", "53")


def _rejecting(settings: Statement, target: Target) -> Iterator[_Wrong]:
    """Each setting for which an answer of the other host is thrown away."""
    options, own = settings.within("options") or Statement(()), target.host.address
    for server in settings.all_within("server"):
        bogus = server.within("bogus")
        is_peer = server.words[-1].partition("/")[0] == str(target.peer.address)
        if is_peer and bogus is not None and bogus.words[-1] not in _NO:
            yield _Wrong("server", server.text, f"server {target.peer.address} {{ bogus no; }};")
    source = options.within("query-source")
    if source is not None and "address" in source.words:
        address = source.words[source.words.index("address") + 1]
        if address not in ("*", str(own)):
            yield _setting(source, "query-source address *;")
    validation = options.within("dnssec-validation")
    if validation is None or validation.words[-1] not in _NO:
        found = validation.text if validation else "dnssec-validation auto;"
        yield _Wrong("dnssec-validation", found, "dnssec-validation no;")


def _wrong(
    target: Target, settings: Statement, named: Lists, *, asks_itself: bool
) -> Iterator[_Wrong]:
    """Each setting that is wrong, and what to write in its place."""
    own, other = target.host.address, target.peer.address
    options = settings.within("options") or Statement(())
    asked = who_may_ask(settings, target.host.domain)
    if asked is not None and not (
        named.admits(asked.body, other) and named.admits(asked.body, own)
    ):
        yield _setting(asked, "allow-query { any; };")
    here = options.within("allow-query-on")
    if here is not None and not named.admits(here.body, own):
        yield _setting(here, "allow-query-on { any; };")
    listens = [each for each in options.all_within("listen-on") if each.words[1:] in _PORT]
    if listens and not any(named.admits(each.body, own) for each in listens):
        yield _setting(listens[-1], "listen-on { any; };")
    if not asks_itself:
        return
    recursion = options.within("recursion")
    if recursion is not None and recursion.words[-1] in _NO:
        yield _setting(recursion, "recursion yes;")
    for name in ("allow-recursion", "allow-query-cache"):
        allowed = options.within(name)
        if allowed is not None and not named.admits(allowed.body, own):
            yield _setting(allowed, f"{name} {{ localnets; }};")
