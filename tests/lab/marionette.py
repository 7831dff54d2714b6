"""Marionette, Thunderbird's remote control protocol: JSON over TCP.

https://firefox-source-docs.mozilla.org/testing/marionette/Protocol.html
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Self

from labctl import dial
from tests.lab.program import wait_for

_SECONDS = 120.0
# The preferences that let Marionette choose a free port and write it into the profile.
PREFERENCES = 'user_pref("marionette.port", 0);\n'
OPTIONS = ("--marionette", "--remote-allow-system-access")
# The elements of the account set-up are in a shadow tree, which CSS selectors do not enter.
# Thunderbird 140 begins with a tab of its older set-up and has the new one, too.
_FIND = """
const isOld = tab => tab.browser?.currentURI?.spec === "about:accountsetup";
const tabs = document.getElementById("tabmail");
const old = tabs?.tabInfo.find(isOld);
if (old) {
  tabs.closeTab(old);
  window.openAccountHub("MAIL");
}
const hub = document.querySelector("account-hub-container")?.modal;
const shown = [...(hub?.querySelectorAll(arguments[0]) ?? [])].filter(e => e.checkVisibility());
return shown[0] ?? null;
"""


class Marionette:
    """A session with the Thunderbird of a profile. Scripts run with the rights of the program.

    `netns` is the network namespace that the program runs in; None for this process's own.
    """

    def __init__(self, profile: Path, netns: Path | None = None) -> None:
        port = profile / "MarionetteActivePort"
        wait_for(port, _SECONDS)
        self._socket = dial.connect(netns, "127.0.0.1", int(port.read_text()), _SECONDS)
        self._number = 0
        self._receive()
        self._call("WebDriver:NewSession", capabilities={})
        self._call("Marionette:SetContext", value="chrome")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def find(self, selector: str) -> str | None:
        """The first visible element of the account set-up that matches."""
        found = self._call("WebDriver:ExecuteScript", script=_FIND, args=[selector])["value"]
        return next(iter(found.values())) if found else None

    def text(self, element: str) -> str:
        return str(self._call("WebDriver:GetElementText", id=element)["value"])

    def type(self, element: str, text: str) -> None:
        self._call("WebDriver:ElementSendKeys", id=element, text=text)

    def click(self, element: str) -> None:
        self._call("WebDriver:ElementClick", id=element)

    def _call(self, command: str, **parameters: object) -> Any:
        self._number += 1
        message = json.dumps([0, self._number, command, parameters]).encode()
        self._socket.sendall(b"%d:%b" % (len(message), message))
        _kind, _number, error, result = self._receive()
        assert error is None, error
        return result

    def _receive(self) -> Any:
        length = b""
        while not length.endswith(b":"):
            length += self._some(1)
        data = b""
        while len(data) < int(length[:-1]):
            data += self._some(int(length[:-1]) - len(data))
        return json.loads(data)

    def _some(self, most: int) -> bytes:
        got = self._socket.recv(most)
        assert got, "Thunderbird hung up"
        return got
