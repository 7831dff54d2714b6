"""The SSH keys of a lab: the login key, and the host keys that labctl generates."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from labctl.home import LabHome, write_atomically

SSH_PORT = 22


@dataclass(frozen=True)
class KeyPair:
    """An ed25519 key in OpenSSH's formats."""

    private: str
    public: str


def make_key(comment: str) -> KeyPair:
    """Generate a key. `comment` ends its public part."""
    # Imported here, because only the creation of a lab needs it and the import is slow.
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    key = Ed25519PrivateKey.generate()
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.OpenSSH,
        serialization.NoEncryption(),
    ).decode()
    public = key.public_key().public_bytes(
        serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH
    )
    return KeyPair(private, f"{public.decode()} {comment}\n")


def client_key(path: Path) -> str:
    """The public part of the lab's login key. The key is generated at first use."""
    public = path.with_suffix(".pub")
    if not path.exists() or not public.exists():
        pair = make_key("labctl")
        write_atomically(public, pair.public)
        write_atomically(path, pair.private, mode=0o600)
    return public.read_text(encoding="utf-8")


def pin_keys(home: LabHome, keys: Iterable[tuple[str, int, str]]) -> None:
    """Write the lab's known_hosts: address, port and public key of each host.

    The format is that of sshd(8), SSH_KNOWN_HOSTS FILE FORMAT.
    """
    lines = (
        f"{address if port == SSH_PORT else f'[{address}]:{port}'} {key.strip()}\n"
        for address, port, key in keys
    )
    write_atomically(home.known_hosts, "".join(lines))
