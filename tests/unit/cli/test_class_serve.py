"""`labctl class serve` refuses what would be unsafe before it serves anything."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

from labctl.classroom.board import ServeLine, ids_of
from labctl.cli import class_serve
from labctl.errors import MachineLacks, WrongUsage
from tests.unit.cli.program import labctl

TYPED = ServeLine(words=("labctl", "class", "serve", "--class", "b"), options={"--port": "9000"})


def refused(*, host: str, is_secure: bool = False, plain_http: bool = False) -> bool:
    line = TYPED.model_copy(update={"options": {"--host": host}})
    try:
        class_serve._ensure_safe(host, line, is_secure=is_secure, plain_http=plain_http)
    except WrongUsage as error:
        # Typed as it is, it serves the same class at the same address.
        assert error.hint.commands[1] == (*line.words, "--host", host, "--plain-http")
        return True
    return False


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2", "::1", "localhost"])
def test_plain_http_needs_no_option_on_this_machine(host: str) -> None:
    assert not refused(host=host)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.2", "server.example"])
def test_plain_http_on_a_network_must_be_asked_for(host: str) -> None:
    assert refused(host=host)
    assert not refused(host=host, is_secure=True)
    assert not refused(host=host, plain_http=True)


def test_a_certificate_needs_its_key() -> None:
    with pytest.raises(WrongUsage) as caught:
        class_serve._tls(Path("cert.pem"), None, TYPED)
    (line,) = caught.value.hint.commands
    assert line == (*TYPED.words, "--port", "9000", "--key", "FILE")
    assert class_serve._tls(None, None, TYPED) is None


def test_without_the_extra_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "uvicorn" else find(name)
    )
    with pytest.raises(MachineLacks) as caught:
        class_serve.ensure_installed()
    assert caught.value.cause.startswith("uvicorn<")
    ((*pip, package),) = caught.value.hint.commands
    assert (pip, package) == ([sys.executable, "-m", "pip", "install"], caught.value.cause)


def test_the_web_process_is_never_root(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("pwd")
    monkeypatch.setattr("os.geteuid", lambda: 0)
    assert ids_of("nobody", TYPED)[0] != 0
    for user in ("root", "no-such-user-here"):
        with pytest.raises(WrongUsage) as caught:
            ids_of(user, TYPED)
        (line,) = caught.value.hint.commands
        assert line == (*TYPED.words, "--port", "9000", "--user", "USER")


@pytest.mark.parametrize(
    ("system", "words", "said"),
    [
        ("win32", "serve", "runs on Linux only"),
        ("darwin", "serve", "runs on Linux only"),
        ("win32", "ssh --host 127.0.0.1", "Windows cannot serve a class"),
    ],
)
def test_a_class_is_not_served_from_a_system_that_cannot(
    system: str, words: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    labctl("class", "init", "mail", "--seats", "1", code=0)
    monkeypatch.setattr(sys, "platform", system)
    refused = labctl("class", *words.split(), code=3).err
    assert said in refused


def test_a_hint_repeats_what_was_typed_and_nothing_else() -> None:
    labctl("class", "init", "a", "--seats", "1", code=0)
    labctl("class", "init", "b", "--seats", "1", code=0)
    line = "class serve --class b --host 192.0.2.1 --user daemon --port 8443"
    said = labctl(*line.split(), code=2).err
    assert "labctl class serve --class b --host 192.0.2.1 --user daemon --plain-http" in said


@pytest.mark.parametrize(
    ("host", "shown"), [("::1", "[::1]"), ("192.0.2.1", "192.0.2.1"), ("server", "server")]
)
def test_the_address_of_the_page_can_be_opened(host: str, shown: str) -> None:
    assert class_serve._shown(host) == shown


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])
@pytest.mark.parametrize(
    ("domain_name", "shown"),
    [("server.example", "server.example"), ("localhost", "pc1"), ("localhost.localdomain", "pc1")],
)
def test_for_all_addresses_the_page_has_the_name_of_the_machine(
    host: str, domain_name: str, shown: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("socket.getfqdn", lambda: domain_name)
    monkeypatch.setattr("socket.gethostname", lambda: "pc1")
    assert class_serve._shown(host) == shown
