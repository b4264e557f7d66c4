"""Where secrets come from: the environment, files, a keyring, a server."""

from __future__ import annotations

import json
import pickle
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import keyring
import pytest
from keyrings.alt.file import PlaintextKeyring

from pegboard_secrets import DotEnv, Environment, Files, Keyring, Secrets, SecretsUnavailable, Static, Vault

CANARY = "canary-8f2"


def test_environment(monkeypatch) -> None:
    """A variable of that name, with a prefix if there is one; an empty one is not set."""
    monkeypatch.setenv("APP_KEY", CANARY)
    monkeypatch.setenv("APP_EMPTY", "")
    assert Environment().get("APP_KEY") == CANARY
    assert Environment("APP_").get("KEY") == CANARY
    assert Environment("APP_").get("EMPTY") is None
    assert Environment().get("APP_NOTHING") is None


def test_dotenv_reads_values_as_they_stand(tmp_path) -> None:
    """Quoted values lose their quotes, and a dollar sign is one."""
    (tmp_path / ".env").write_text(f"# comment\nexport KEY={CANARY}\nQUOTED=\"a b\"\nDOLLAR='$KEY'\nEMPTY=\n")
    provider = DotEnv(tmp_path / ".env")
    keys = ("KEY", "QUOTED", "DOLLAR", "EMPTY", "NOTHING")
    assert [provider.get(key) for key in keys] == [CANARY, "a b", "$KEY", None, None]


def test_dotenv_sees_a_new_value(tmp_path) -> None:
    """The file is read again when it has changed."""
    path = tmp_path / ".env"
    path.write_text("KEY=one\n")
    provider = DotEnv(path)
    assert provider.get("KEY") == "one"
    path.write_text("KEY=three\n")
    assert provider.get("KEY") == "three"


def test_dotenv_leaves_the_environment_alone(tmp_path, monkeypatch) -> None:
    """What is in the file is not exported to child processes."""
    import os

    monkeypatch.delenv("KEY", raising=False)
    (tmp_path / ".env").write_text("KEY=value\n")
    DotEnv(tmp_path / ".env").get("KEY")
    assert "KEY" not in os.environ


def test_a_file_that_is_missing_has_no_secrets(tmp_path) -> None:
    """And the provider says so where an error names it."""
    assert DotEnv(tmp_path / "none").get("KEY") is None
    assert "does not exist" in str(DotEnv(tmp_path / "none"))
    assert Files(tmp_path / "none").get("KEY") is None
    assert "does not exist" in str(Files(tmp_path / "none"))


def test_a_file_that_is_no_text(tmp_path) -> None:
    """It is an error that names the file and not what is in it."""
    (tmp_path / "KEY").write_bytes(b"\xff\xfe" + CANARY.encode())
    for provider in (DotEnv(tmp_path / "KEY"), Files(tmp_path)):
        with pytest.raises(SecretsUnavailable, match="UnicodeDecodeError") as caught:
            provider.get("KEY")
        assert CANARY not in str(caught.value)


@pytest.mark.parametrize("text", [CANARY, f"{CANARY}\n", f"{CANARY}\r\n"])
@pytest.mark.parametrize("name", ["DB_PASSWORD", "db_password"])
def test_files(tmp_path, name: str, text: str) -> None:
    """A file of that name, or its lower-case form; the newline at its end is the editor's."""
    (tmp_path / name).write_bytes(text.encode())
    assert Files(tmp_path).get("DB_PASSWORD") == CANARY
    assert Files(tmp_path).get("NOTHING") is None


def test_files_follow_links_inside_the_folder(tmp_path) -> None:
    """As Kubernetes makes them: `KEY -> ..data/KEY`, `..data -> ..2026`."""
    (tmp_path / "..2026").mkdir()
    (tmp_path / "..2026" / "KEY").write_text(CANARY)
    (tmp_path / "..data").symlink_to("..2026")
    (tmp_path / "KEY").symlink_to("..data/KEY")
    assert Files(tmp_path).get("KEY") == CANARY


def test_files_follow_no_link_out_of_the_folder(tmp_path) -> None:
    """A link elsewhere is not there."""
    (tmp_path / "outside").write_text(CANARY)
    (tmp_path / "inside").mkdir()
    (tmp_path / "inside" / "KEY").symlink_to(tmp_path / "outside")
    assert Files(tmp_path / "inside").get("KEY") is None
    assert Files(tmp_path / "inside").get("sub/KEY") is None


def test_a_file_larger_than_any_secret(tmp_path) -> None:
    """It is refused instead of read."""
    (tmp_path / "KEY").write_bytes(b"x" * (1 << 20) + b"x")
    with pytest.raises(SecretsUnavailable, match="ValueError"):
        Files(tmp_path).get("KEY")


def test_keyring(tmp_path) -> None:
    """The password stored for the service and the key."""
    store, before = PlaintextKeyring(), keyring.get_keyring()
    store.file_path = str(tmp_path / "keyring")
    keyring.set_keyring(store)
    try:
        keyring.set_password("service", "KEY", CANARY)
        assert Keyring("service").get("KEY") == CANARY
        assert Keyring("service").get("NOTHING") is None
    finally:
        keyring.set_keyring(before)


def test_a_keyring_that_is_not_there() -> None:
    """The error says what to look at."""
    from keyring.backends.fail import Keyring as NoKeyring

    before = keyring.get_keyring()
    keyring.set_keyring(NoKeyring())
    try:
        with pytest.raises(SecretsUnavailable, match="NoKeyringError"):
            Keyring("service").get("KEY")
    finally:
        keyring.set_keyring(before)


class _KeyValue(BaseHTTPRequestHandler):
    """Answers as a key-value engine of version 2 does: `GET /v1/<mount>/data/<path>`."""

    def do_GET(self) -> None:
        if self.headers.get("X-Vault-Token") != "token":
            status, body = 403, {"errors": ["permission denied"]}
        elif self.path == "/v1/secret/data/team/service":
            status, body = 200, {"data": {"data": {"KEY": CANARY, "PORT": 5432}, "metadata": {"version": 1}}}
        else:
            status, body = 404, {"errors": []}
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *args: object) -> None: ...


@pytest.fixture
def vault_address():
    server = ThreadingHTTPServer(("127.0.0.1", 0), _KeyValue)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_vault(vault_address, monkeypatch) -> None:
    """The fields of the secret are the keys; the token may be in the environment."""
    provider = Vault("secret/team/service", address=vault_address, token="token")
    assert provider.get("KEY") == CANARY
    assert provider.get("PORT") == "5432"
    assert provider.get("NOTHING") is None
    assert Vault("secret/other", address=vault_address, token="token").get("KEY") is None
    monkeypatch.setenv("VAULT_ADDR", vault_address)
    monkeypatch.setenv("VAULT_TOKEN", "token")
    assert Vault("secret/team/service").get("KEY") == CANARY


def test_vault_that_refuses(vault_address) -> None:
    """The error says what to look at, and not the token."""
    with pytest.raises(SecretsUnavailable, match="Forbidden") as caught:
        Vault("secret/team/service", address=vault_address, token="wrong-canary").get("KEY")
    assert "canary" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_vault_that_is_not_there() -> None:
    """A server that does not answer may answer later."""
    with pytest.raises(SecretsUnavailable, match="ConnectionError") as caught:
        Vault("secret/x", address="http://127.0.0.1:9", token="t", timeout=2).get("KEY")
    assert caught.value.retryable


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("environment", Environment),
        ("environment:APP_", Environment),
        ("dotenv", DotEnv),
        ("dotenv:x.env", DotEnv),
        ("files", Files),
        ("files:/run/x", Files),
        ("keyring:service", Keyring),
        ("vault:secret/service", Vault),
    ],
)
def test_providers_can_be_written_as_text(text: str, kind: type) -> None:
    """As they stand in a configuration file."""
    assert [type(each) for each in Secrets(text).providers] == [kind]


@pytest.mark.parametrize("text", ["", "enviroment", "keyring", "vault", "vault:secret", "s3:x"])
def test_a_text_that_names_no_provider(text: str) -> None:
    """It is refused, with those that are known or with what is missing."""
    with pytest.raises(ValueError, match=r"Known|service|mount/path"):
        Secrets(text)


def test_a_static_value_is_a_text() -> None:
    """Anything else is refused when it is given; its repr shows names alone."""
    with pytest.raises(TypeError, match="is a str"):
        Static({"KEY": 3})
    assert CANARY not in repr(Static({"KEY": CANARY}))


@pytest.mark.parametrize(
    "provider",
    [
        Static({"KEY": "value"}),
        DotEnv("some.env"),
        Files("folder"),
        Keyring("service"),
        Vault("mount/path", token="token"),
        Environment(),
    ],
    ids=lambda provider: type(provider).__name__,
)
def test_every_provider_can_be_sent_to_a_worker(provider) -> None:
    """Made again there, it looks in the same place."""
    made = pickle.loads(pickle.dumps(provider))
    assert type(made) is type(provider)
    assert str(made) == str(provider)
