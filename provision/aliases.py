"""「メールエイリアスのデータベース構築」: aliases.db, newer than aliases."""

from __future__ import annotations

from labctl.i18n import N_, _
from labctl.results import Change, Finding
from provision.facts import ask
from provision.services import host_script
from provision.step import Step, Target

_BUILT = r"""
if [ ! -e /etc/aliases ]; then
  printf '# See man 5 aliases for format\npostmaster:    root\n' >/etc/aliases
  echo "wrote /etc/aliases"
fi
if [ ! -s /etc/aliases.db ] || [ /etc/aliases -nt /etc/aliases.db ]; then
  newaliases
  echo "built /etc/aliases.db"
fi
"""


def apply(target: Target) -> list[Change]:
    """Runs newaliases where the database is missing or old; the aliases stay as they are."""
    return host_script(target, _BUILT)


_ASK = r"""
for map in $(postconf -hx alias_database 2>/dev/null || echo hash:/etc/aliases); do
  source=${map#*:}
  case $map in
    hash:*|btree:*) database=$source.db ;;
    lmdb:*) database=$source.lmdb ;;
    *) continue ;;
  esac
  say source echo "$source"
  if [ -s "$database" ]; then say built echo "$source"; fi
  if [ "$source" -nt "$database" ]; then say old echo "$source"; fi
done
"""


def check(target: Target) -> list[Finding]:
    """Every database that Postfix's alias_database names is built, and newer than its text."""
    facts = ask(target, _ASK)
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


STEP = Step(
    name="aliases",
    section="メールエイリアスのデータベース構築",
    summary=N_("builds the alias database"),
    apply=apply,
    check=check,
    requires=("packages",),
)
