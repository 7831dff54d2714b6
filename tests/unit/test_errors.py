"""What a person reads of an error that the system or a library raised."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest

from labctl.errors import words_of


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (ConnectionRefusedError(111, "Connection refused"), "Connection refused"),
        (FileNotFoundError(2, "No such file or directory", "/x"), "/x: No such file or directory"),
        (
            Exception("Error reading SSH protocol banner[Errno 104] Connection reset by peer"),
            "Error reading SSH protocol banner: Connection reset by peer",
        ),
        (Exception("[Errno -2] Name or service not known"), "Name or service not known"),
        (TimeoutError(), ""),
        (TimeoutError("timed out"), ""),
    ],
)
def test_python_is_not_among_the_words_of_a_failure(error: Exception, words: str) -> None:
    assert words_of(error) == words


def test_openssl_says_what_is_wrong_with_a_certificate(tmp_path: Path) -> None:
    (tmp_path / "cert.pem").write_text("no certificate")
    with pytest.raises(ssl.SSLError) as failed:
        ssl.create_default_context().load_cert_chain(tmp_path / "cert.pem")
    assert words_of(failed.value).lower() in ("no start line", "pem lib")
