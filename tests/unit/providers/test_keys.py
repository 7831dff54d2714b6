"""The key with which labctl logs in on the hosts of a lab."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_ssh_private_key,
)

from labctl.providers.keys import client_key


def test_a_labs_key_is_made_once_and_named_after_labctl(tmp_path: Path) -> None:
    path = tmp_path / "id_ed25519"
    public = client_key(path)
    kind, _key, comment = public.split()
    assert (kind, comment) == ("ssh-ed25519", "labctl")
    assert path.with_suffix(".pub").read_text() == public
    private = path.read_text()
    assert client_key(path) == public
    assert path.read_text() == private


@pytest.mark.skipif(os.name == "nt", reason="Windows has no modes")
def test_nobody_else_reads_the_private_key(tmp_path: Path) -> None:
    path = tmp_path / "id_ed25519"
    client_key(path)
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("name", ["id_ed25519", "id_ed25519.pub"])
def test_half_a_key_is_no_key(tmp_path: Path, name: str) -> None:
    """labctl was killed between the two files."""
    path = tmp_path / "id_ed25519"
    before = client_key(path)
    (tmp_path / name).unlink()
    assert client_key(path) != before
    assert client_key(path) == path.with_suffix(".pub").read_text()


def test_the_private_key_needs_no_passphrase_and_fits_the_public_one(tmp_path: Path) -> None:
    path = tmp_path / "id_ed25519"
    public = client_key(path)
    private = load_ssh_private_key(path.read_bytes(), password=None)
    found = private.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
    assert public.split()[:2] == found.decode().split()
