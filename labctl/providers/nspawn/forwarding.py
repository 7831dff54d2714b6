"""Packet forwarding of this machine's ways out: on while a lab runs, then as it was before.

The old values are kept in one file for all labs of this boot, before anything is changed. So
whenever labctl is killed, the last lab that is removed can put them back.
"""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from labctl.home import write_atomically
from labctl.providers.nspawn.addresses import ip_json

_FOLDER = Path("/run/labctl")
_Values = TypeAdapter(dict[str, str])


def allow() -> None:
    """Turn forwarding on for every way out. The caller holds the network lock."""
    devices = sorted(
        {route["dev"] for route in ip_json("route", "show", "default") if "dev" in route}
    )
    kept = {device: _setting(device).read_text().strip() for device in devices}
    write_atomically(_file(), json.dumps({**kept, **_kept()}), mode=0o600)
    for device in devices:
        _setting(device).write_text("1")


def put_back() -> None:
    """Restore the values from before the first lab. The caller holds the lock; idempotent."""
    for device, value in _kept().items():
        with suppress(OSError):
            _setting(device).write_text(value)
    _file().unlink(missing_ok=True)


def _kept() -> dict[str, str]:
    with suppress(OSError, ValidationError):
        return _Values.validate_json(_file().read_bytes())
    return {}


def _file() -> Path:
    # Each network namespace has settings of its own (a container, a test).
    number = Path("/proc/thread-self/ns/net").stat().st_ino
    return _FOLDER / f"forwarding-{number}.json"


def _setting(device: str) -> Path:
    return Path(f"/proc/sys/net/ipv4/conf/{device}/forwarding")
