"""Will BIND still answer after its next start? Its files were edited, and it has not read them yet.

What it answers now says nothing of that, so its settings are judged as the files have them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from labctl.i18n import _
from labctl.results import Finding
from provision.bind_settings import Lists, Statement, lists, parsed, who_may_ask
from provision.facts import Facts
from provision.step import Target

# Another port is not the one that programs ask.
_PORT = ((), ("port", "53"))
_NO = ("no", "false", "0")


def next_start(target: Target, facts: Facts, *, asks_itself: bool) -> Finding | None:
    """The first setting by which BIND would no longer do what the book needs.

    Args:
        facts: those of dns-check.sh.
        asks_itself: whether this host's programs ask its own BIND for every name.
    """
    wrong = _first_wrong(target, facts.lines("next"), asks_itself=asks_itself)
    if wrong is None:
        return None
    setting, solution = wrong
    return Finding(
        code="dns.next-start",
        ok=False,
        what=_("what BIND does after its next start"),
        found=setting.text,
        expected=solution,
        hint=_("BIND still has what it read at its start. What does named-checkconf -p show now?"),
        solution=f"{solution} rndc reload",
    )


def why_no_answer(target: Target, facts: Facts, *, asks_itself: bool) -> Finding | None:
    """The first setting for which BIND does not answer as the book needs."""
    wrong = _first_wrong(target, facts.lines("settings"), asks_itself=asks_itself)
    if wrong is None:
        return None
    setting, solution = wrong
    return not_answered(setting.words[0], setting.text, solution)


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


def _first_wrong(
    target: Target, lines: Sequence[str], *, asks_itself: bool
) -> tuple[Statement, str] | None:
    settings = parsed(lines)
    # With views it depends on who asks.
    if not settings.body or settings.all_within("view"):
        return None
    named = lists(settings, target.host.address, target.lab.network.cidr)
    return next(_wrong(target, settings, named, asks_itself=asks_itself), None)


def _wrong(
    target: Target, settings: Statement, named: Lists, *, asks_itself: bool
) -> Iterator[tuple[Statement, str]]:
    """Each setting that is wrong, and what to write in its place."""
    own, other = target.host.address, target.peer.address
    options = settings.within("options") or Statement(())
    asked = who_may_ask(settings, target.host.domain)
    if asked is not None and not (
        named.admits(asked.body, other) and named.admits(asked.body, own)
    ):
        yield asked, "allow-query { any; };"
    listens = [each for each in options.all_within("listen-on") if each.words[1:] in _PORT]
    if listens and not any(named.admits(each.body, own) for each in listens):
        yield listens[-1], "listen-on { any; };"
    if not asks_itself:
        return
    recursion = options.within("recursion")
    if recursion is not None and recursion.words[-1] in _NO:
        yield recursion, "recursion yes;"
    for name in ("allow-recursion", "allow-query-cache"):
        allowed = options.within(name)
        if allowed is not None and not named.admits(allowed.body, own):
            yield allowed, f"{name} {{ localnets; }};"
