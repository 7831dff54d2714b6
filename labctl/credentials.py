"""The passwords of the lab's accounts: generated once per lab, or from the lab file.

They are stored in a file with mode 0600 and in SecretStr values, which print as stars.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping

from pydantic import BaseModel, ConfigDict, SecretStr, ValidationError

from labctl.errors import WrongState
from labctl.hint import commands
from labctl.home import LabHome, write_atomically
from labctl.i18n import _
from labctl.lab import Lab

# Characters that are easy to distinguish on a blackboard.
_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"


class Credentials(BaseModel):
    """Account name to password."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    passwords: dict[str, SecretStr]

    def password(self, account: str) -> str:
        """The password in plain text, for chpasswd's input, a login, and `labctl credentials`."""
        return self.passwords[account].get_secret_value()


def load_credentials(home: LabHome, lab: Lab) -> Credentials:
    """Load the lab's credentials. A password in the lab file overrides the saved one.

    Raises:
        WrongState: The file cannot be read or lacks a password. New passwords would differ from
            those on the hosts.
    """
    passwords = _known(_read(home), lab)
    lacking = [account for account in _accounts(lab) if account not in passwords]
    if lacking:
        raise WrongState(
            _("the passwords of the lab {name} are not known", name=lab.name),
            cause=_(
                "{path} has none for: {names}",
                path=home.credentials_file,
                names=", ".join(lacking),
            ),
            hint=commands("labctl up", text=_("this sets new ones on the hosts")),
        )
    return Credentials(passwords=passwords)


def make_credentials(home: LabHome, lab: Lab) -> bool:
    """Generate the passwords that the lab lacks, and save all of them for load_credentials.

    Returns:
        Whether a password was generated, so that the hosts do not have it yet.

    Raises:
        WrongState: The file of passwords cannot be read.
    """
    saved = _read(home)
    known = _known(saved, lab)
    passwords = {name: known.get(name) or SecretStr(_make()) for name in _accounts(lab)}
    if passwords != saved:
        clear = {name: secret.get_secret_value() for name, secret in passwords.items()}
        write_atomically(home.credentials_file, json.dumps({"passwords": clear}), mode=0o600)
    return passwords != known


def _accounts(lab: Lab) -> list[str]:
    return [host.account for host in lab.mail_hosts if host.account is not None]


def _known(saved: Mapping[str, SecretStr], lab: Lab) -> dict[str, SecretStr]:
    """The passwords in the lab file, then those that are saved."""
    passwords = {**saved, **lab.choices.passwords}
    return {name: passwords[name] for name in _accounts(lab) if name in passwords}


def _read(home: LabHome) -> dict[str, SecretStr]:
    try:
        text = home.credentials_file.read_text(encoding="utf-8")
        return Credentials.model_validate_json(text).passwords
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError, ValidationError) as error:
        raise WrongState(
            _("the credentials in {path} cannot be read", path=home.credentials_file),
            hint=commands("labctl destroy", "labctl up"),
        ) from error


def _make(length: int = 10) -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(length))
