"""A Thunderbird profile that is ready for one account: no wizard, no question, no other network.

Thunderbird reads `user.js` at each start. In this profile every name that Thunderbird looks up is
the account's own mail server, so the machine does not have to know the lab's names.
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Mapping
from ipaddress import IPv4Address
from pathlib import Path

from labctl.home import write_atomically
from labctl.thunderbird.keystore import find_nss, open_keystore
from labctl.thunderbird.settings import MailSettings

Preference = str | int | bool

# Thunderbird's numbers for "no encryption" (nsMsgSocketType), and for "normal password" and
# "no authentication" (nsMsgAuthMethod).
_PLAIN_SOCKET = 0
_NORMAL_PASSWORD = 3
_NO_AUTH = 1

# Settings against questions, updates, reports and advertisements at the first start.
_QUIET: Mapping[str, Preference] = {
    "app.donation.eoy.version.viewed": 999,
    "app.update.enabled": False,
    "datareporting.policy.dataSubmissionEnabled": False,
    "mail.inappnotifications.enabled": False,
    "mail.provider.suppress_dialog_on_startup": True,
    "mail.rights.version": 1,
    "mail.shell.checkDefaultClient": False,
    "mail.spotlight.firstRunDone": True,
    "mail.warn_on_send_accel_key": False,
    "mailnews.start_page.enabled": False,
}


def preferences(settings: MailSettings, address: IPv4Address) -> dict[str, Preference]:
    """The account's preferences. `address` is that of its mail server."""
    identity, server = "mail.identity.id1", "mail.server.server1"
    smtp, local = "mail.smtpserver.smtp1", "mail.server.server2"
    return {
        **_QUIET,
        "network.dns.forceResolve": str(address),
        "mail.accountmanager.accounts": "account1,account2",
        "mail.accountmanager.defaultaccount": "account1",
        "mail.accountmanager.localfoldersserver": "server2",
        "mail.account.account1.identities": "id1",
        "mail.account.account1.server": "server1",
        "mail.account.account2.server": "server2",
        f"{identity}.fullName": settings.name,
        f"{identity}.useremail": settings.address,
        f"{identity}.smtpServer": "smtp1",
        f"{identity}.valid": True,
        f"{identity}.compose_html": False,
        f"{server}.type": "imap",
        f"{server}.name": settings.address,
        f"{server}.hostname": settings.imap_server,
        f"{server}.port": settings.imap_port,
        f"{server}.userName": settings.user,
        f"{server}.socketType": _PLAIN_SOCKET,
        f"{server}.authMethod": _NORMAL_PASSWORD,
        f"{server}.login_at_startup": True,
        f"{server}.check_new_mail": True,
        f"{server}.check_time": 1,
        f"{local}.type": "none",
        f"{local}.name": "Local Folders",
        f"{local}.hostname": "Local Folders",
        f"{local}.userName": "nobody",
        "mail.smtpservers": "smtp1",
        "mail.smtp.defaultserver": "smtp1",
        f"{smtp}.hostname": settings.smtp_server,
        f"{smtp}.port": settings.smtp_port,
        f"{smtp}.username": settings.user,
        f"{smtp}.authMethod": _NORMAL_PASSWORD if settings.smtp_auth else _NO_AUTH,
        f"{smtp}.try_ssl": _PLAIN_SOCKET,
    }


def write_profile(
    folder: Path, settings: MailSettings, address: IPv4Address, password: str
) -> bool:
    """Make or update the profile. Everything else that Thunderbird keeps in it stays.

    Returns:
        Whether the password is stored, in Thunderbird's own way. Without NSS on this machine
        Thunderbird asks for it.

    Raises:
        LabError: NSS fails.
    """
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    lines = (
        f"user_pref({json.dumps(name)}, {json.dumps(value)});\n"
        for name, value in preferences(settings, address).items()
    )
    write_atomically(folder / "user.js", "".join(lines), mode=0o600)
    nss = find_nss()
    if nss is None:
        return False
    with open_keystore(nss, folder) as store:
        user, secret = store.encrypt(settings.user), store.encrypt(password)
    servers = (f"imap://{settings.imap_server}", f"smtp://{settings.smtp_server}")
    logins = [_login(number, server, user, secret) for number, server in enumerate(servers, 1)]
    document = {
        "nextId": len(logins) + 1,
        "logins": logins,
        "potentiallyVulnerablePasswords": [],
        "dismissedBreachAlertsByLoginGUID": {},
        "version": 3,
    }
    write_atomically(folder / "logins.json", json.dumps(document), mode=0o600)
    return True


def _login(number: int, server: str, user: str, secret: str) -> dict[str, object]:
    now = int(time.time() * 1000)
    return {
        "id": number,
        "guid": f"{{{uuid.uuid4()}}}",
        "hostname": server,
        "httpRealm": server,
        "formSubmitURL": None,
        "usernameField": "",
        "passwordField": "",
        "encryptedUsername": user,
        "encryptedPassword": secret,
        "encType": 1,
        "timeCreated": now,
        "timeLastUsed": now,
        "timePasswordChanged": now,
        "timesUsed": 1,
    }
