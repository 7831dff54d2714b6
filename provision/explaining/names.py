"""Why the other host cannot ask this one's name server."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address

from labctl.i18n import N_
from provision.bind_settings import Lists, Statement, lists, parsed, who_may_ask
from provision.causes import Case, Explanation, Told
from provision.explaining.firewall import by_rule, stops_from_peer, stops_to_peer
from provision.explaining.predicates import told_by


@dataclass(frozen=True)
class _Bind:
    """The settings of this host's BIND, and the address of the host that asks it."""

    settings: Statement
    named: Lists
    domain: str
    client: IPv4Address

    @property
    def views(self) -> tuple[Statement, ...]:
        return self.settings.all_within("view")

    def options(self, name: str) -> Statement | None:
        return (self.settings.within("options") or Statement(())).within(name)

    def has_client(self, clients: Statement | None) -> bool:
        """Whether a list has the host that asks. A missing list has everybody."""
        return clients is None or self.named.admits(clients.body, self.client)


def _bind(case: Case) -> _Bind | None:
    if case.peer is None:
        return None
    scene, settings = case.own.scene, parsed(case.own.facts.lines("bind"))
    named = lists(settings, scene.host.address, scene.lab.network.cidr)
    return _Bind(settings, named, scene.host.domain, case.peer.host.address)


def _blackhole(case: Case) -> Told | None:
    bind = _bind(case)
    ignored = bind.options("blackhole") if bind else None
    return Told(ignored.text) if bind and ignored and bind.has_client(ignored) else None


def _match_clients(case: Case) -> Told | None:
    """There are views, and all of them are for others."""
    bind = _bind(case)
    clients = [view.within("match-clients") for view in bind.views] if bind else []
    last = clients[-1] if clients else None
    if bind is None or last is None or any(map(bind.has_client, clients)):
        return None
    return Told(last.text)


def _view(case: Case) -> Told | None:
    """The view of the host that asks, which is the first one that has it, lacks the zone."""
    bind = _bind(case)
    mine = (v for v in bind.views if bind.has_client(v.within("match-clients"))) if bind else ()
    view = next(iter(mine), None)
    if bind is None or view is None or view.zone(bind.domain) is not None:
        return None
    if not any(each.zone(bind.domain) for each in bind.views):
        return None
    name = " ".join(view.words)
    return Told(name, solution=f'{name} {{ ... zone "{bind.domain}" {{ ... }}; }};')


def _allow_query(case: Case) -> Told | None:
    bind = _bind(case)
    if bind is None:
        return None
    mine = (each for each in bind.views if bind.has_client(each.within("match-clients")))
    asked = who_may_ask(bind.settings, bind.domain, next(mine, None))
    return Told(asked.text) if asked and not bind.has_client(asked) else None


def _closed_to_peer(case: Case) -> Told | None:
    """This host's firewall stops the question of the other host, or the answer to it."""
    return by_rule(case, stops_from_peer(case, 53, "udp"))


def _closed_from_here(case: Case) -> Told | None:
    """Turned: this host asks, and its own firewall stops the question or the answer."""
    return by_rule(case, stops_to_peer(case, 53, "udp"))


_ROUTE = N_("Is there a route to the other host? Run ip route get with its address.")


def _no_route(*, at_peer: bool) -> Explanation:
    return Explanation(
        "firewall.route", told_by("no-route"), N_("the way to the other host"), N_("open"),
        _ROUTE, "ip route", at_peer,
    )  # fmt: skip


NAMES = (
    _no_route(at_peer=True),
    _no_route(at_peer=False),
    Explanation("firewall.peer", _closed_to_peer, N_("packets of the other host"), N_("open"),
                N_("A port may be open to some and closed to others. Which rule concerns the other "
                   "host?")),
    Explanation("firewall.peer", _closed_from_here, N_("packets to the other host"), N_("open"),
                N_("A firewall has rules for both directions: iptables -S OUTPUT"), at_peer=True),
    Explanation("dns.blackhole", _blackhole, "blackhole", N_("not set"),
                N_("Which clients does BIND ignore? named-checkconf -p shows it.")),
    Explanation("dns.match-clients", _match_clients, "match-clients", "any",
                N_("A view answers only its own clients. Is the other host one of them?")),
    Explanation("dns.view", _view, N_("the zone in the view of the other host"), N_("there"),
                N_("A view answers its own clients from its own zones. Which view has the zone?")),
    Explanation("dns.allow-query", _allow_query, "allow-query", N_("the lab's hosts"),
                N_("Which clients may ask BIND? dig on the other host shows its answer."),
                "allow-query { any; };"),
)  # fmt: skip
