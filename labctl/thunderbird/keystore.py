"""Passwords as Thunderbird stores them: encrypted by NSS with the profile's own key.

NSS is Mozilla's library. Thunderbird includes it, so it exists wherever Thunderbird does.
"""

from __future__ import annotations

import base64
import ctypes
import ctypes.util
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from labctl.errors import LabError
from labctl.i18n import _
from labctl.thunderbird.program import windows_folders

# The folders in which each system has Thunderbird, and what it calls NSS there.
_LIBRARIES = {
    "linux": (
        ("/usr/lib/thunderbird", "/usr/lib64/thunderbird", "/opt/thunderbird"),
        "libnss3.so",
    ),
    "darwin": (("/Applications/Thunderbird.app/Contents/MacOS",), "libnss3.dylib"),
}


class _Item(ctypes.Structure):
    _fields_ = (
        ("type", ctypes.c_uint),
        ("data", ctypes.c_void_p),
        ("len", ctypes.c_uint),
    )


class KeyStore:
    """The key of one profile, open for encrypting."""

    def __init__(self, nss: ctypes.CDLL) -> None:
        self._nss = nss

    def encrypt(self, text: str) -> str:
        """The text as logins.json has it, encrypted and in base64."""
        clear = text.encode()
        buffer = ctypes.create_string_buffer(clear, len(clear))
        source = _Item(0, ctypes.cast(buffer, ctypes.c_void_p), len(clear))
        key, result = _Item(0, None, 0), _Item(0, None, 0)
        status = self._nss.PK11SDR_Encrypt(
            ctypes.byref(key), ctypes.byref(source), ctypes.byref(result), None
        )
        if status != 0 or not result.data:
            raise LabError(_("NSS cannot encrypt the password"))
        try:
            return base64.b64encode(ctypes.string_at(result.data, result.len)).decode()
        finally:
            self._nss.SECITEM_FreeItem(ctypes.byref(result), 0)


def find_nss() -> ctypes.CDLL | None:
    """NSS from the system or from Thunderbird's folder, or None if neither has it."""
    if found := ctypes.util.find_library("nss3"):
        return _load(Path(found))
    library = next((each for each in _libraries() if each.exists()), None)
    return _load(library) if library is not None else None


def _libraries() -> list[Path]:
    if sys.platform == "win32":
        return [folder / "nss3.dll" for folder in windows_folders()]
    folders, file = _LIBRARIES.get(sys.platform, ((), ""))
    return [Path(folder, file) for folder in folders]


def _load(library: Path) -> ctypes.CDLL | None:
    """The library, or None if it is for another processor or lacks its neighbours."""
    try:
        if sys.platform == "win32":
            # Its neighbours are found in this folder only if it is named.
            with os.add_dll_directory(str(library.parent)):
                return ctypes.CDLL(str(library))
        return ctypes.CDLL(str(library))
    except OSError:
        return None


@contextmanager
def open_keystore(nss: ctypes.CDLL, profile: Path) -> Iterator[KeyStore]:
    """Open the profile's key. Make one without a primary password if there is none.

    Raises:
        LabError: NSS cannot open it.
    """
    nss.PK11_GetInternalKeySlot.restype = ctypes.c_void_p
    if nss.NSS_Initialize(f"sql:{profile}".encode(), b"", b"", b"secmod.db", 0) != 0:
        raise LabError(_("NSS cannot open {path}", path=profile))
    try:
        slot = ctypes.c_void_p(nss.PK11_GetInternalKeySlot())
        try:
            if nss.PK11_NeedUserInit(slot) and nss.PK11_InitPin(slot, None, b"") != 0:
                raise LabError(_("NSS cannot make a key in {path}", path=profile))
            yield KeyStore(nss)
        finally:
            nss.PK11_FreeSlot(slot)
    finally:
        nss.NSS_Shutdown()
