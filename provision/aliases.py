"""「メールエイリアスのデータベース構築」: aliases.db, newer than aliases."""

from __future__ import annotations

from labctl.i18n import N_, _
from labctl.results import Change, Finding
from labctl.scripts import Script
from provision.changes import host_script
from provision.facts import ask
from provision.step import Step, Target

_BUILD = Script("provision", "aliases.sh")
_CHECK = Script("provision", "aliases-check.sh")


def apply(target: Target) -> list[Change]:
    """Run newaliases if the database is missing or old. The aliases stay as they are."""
    return host_script(target, _BUILD)


def check(target: Target) -> list[Finding]:
    """Every database that alias_database names is built, and newer than its text."""
    facts = ask(target, _CHECK)
    if facts["unknown"]:
        return [_unknown_kind(facts.lines("unknown")[0])]
    if facts["no-text"]:
        return [_no_text(facts.lines("no-text")[0])]
    return [
        _database(path, path in facts.lines("built"), path in facts.lines("old"))
        for path in facts.lines("source")
    ]


def _database(path: str, is_built: bool, is_old: bool) -> Finding:
    return Finding(
        code="aliases.database",
        ok=is_built and not is_old,
        what=_("the database of {path}", path=path),
        found=_("missing") if not is_built else _("older than the text") if is_old else _("built"),
        expected=_("newer than the text"),
        hint=_("Postfix reads the database, not the text file. Compare the times of both."),
        solution="newaliases",
    )


def _no_text(found: str) -> Finding:
    """main.cf names a database that cannot be built."""
    return Finding(
        code="aliases.database",
        ok=False,
        what="alias_database",
        found=found,
        expected="hash:/etc/aliases",
        hint=_(
            "postconf -n shows what main.cf really sets: look for {name}.", name="alias_database"
        ),
        solution="postconf -e alias_database=hash:/etc/aliases; newaliases",
    )


def _unknown_kind(found: str) -> Finding:
    """The kinds of tables depend on the release of Postfix and on its packages."""
    path = found.partition(":")[2]
    return Finding(
        code="aliases.kind",
        ok=False,
        what="alias_database",
        found=found,
        expected=f"hash:{path}",
        hint=_("Which kinds of tables does this Postfix have? postconf -m lists them."),
        solution=f"postconf -e alias_maps=hash:{path} alias_database=hash:{path}; newaliases",
    )


STEP = Step(
    name="aliases",
    section="メールエイリアスのデータベース構築",
    summary=N_("builds the alias database"),
    apply=apply,
    check=check,
    requires=("packages",),
)
