"""Who we are to a server by a key: from files and the agent, with passphrases and certificates."""

import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.remote.conftest import Face, Site, a_server, make_key
from tuibackup.demo.sshd import PrivateSshd
from tuibackup.errors import LoginError, NeedsOperatorError


def allow(sshd: PrivateSshd, *keys: Path) -> None:
    """Exactly these keys (and the client's own) may log in."""
    own = sshd.client_key.with_suffix(".pub").read_text()
    sshd.authorized_keys.write_text(own + "".join(Path(f"{key}.pub").read_text() for key in keys))


@pytest.fixture
def trusted(site: Site, own_sshd: PrivateSshd) -> PrivateSshd:
    """A known server whose authorized keys a test may change."""
    site.trust(own_sshd)
    return own_sshd


@pytest.fixture
def agent(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Callable[..., None]]:
    """A real ssh-agent; call it to add a key (with its passphrase)."""
    socket = Path("/tmp") / f"tuibackup-agent-{os.getpid()}"
    process = subprocess.Popen(["ssh-agent", "-D", "-a", socket], stdout=subprocess.DEVNULL)
    while not socket.exists():
        assert process.poll() is None
        time.sleep(0.01)
    monkeypatch.setenv("SSH_AUTH_SOCK", str(socket))

    def add(key: Path, passphrase: str = "") -> None:
        answer = tmp_path / "askpass"
        answer.write_text(f"#!/bin/sh\necho '{passphrase}'\n")
        answer.chmod(0o700)
        environment = {**os.environ, "SSH_ASKPASS": str(answer), "SSH_ASKPASS_REQUIRE": "force"}
        subprocess.run(["ssh-add", "-q", key], check=True, env=environment, stdin=subprocess.DEVNULL)

    yield add
    process.terminate()
    process.wait()
    socket.unlink(missing_ok=True)


async def test_a_wrong_key_is_named_with_the_way_out(
    site: Site, trusted: PrivateSshd, tmp_path: Path
) -> None:
    key = make_key(tmp_path / "other")
    line = await site.refused(a_server(trusted, key=key), LoginError)
    assert line == (
        f"127.0.0.1 port {trusted.port}: accepts none of our keys or passwords for user {trusted.user}"
        f" (tried: {key}); add the public key to its ~/.ssh/authorized_keys; where it is, the log of its sshd says"
        " why (AllowUsers, PermitRootLogin, PubkeyAcceptedAlgorithms, AuthenticationMethods)"
    )


async def test_a_server_that_offers_questions_and_has_none(
    site: Site, sshd: PrivateSshd, tmp_path: Path
) -> None:
    """An sshd without PAM does; tried until it said "too many failures", the keys got the blame."""
    key, config = make_key(tmp_path / "other"), ["KbdInteractiveAuthentication yes", "UsePAM no"]
    with PrivateSshd(tmp_path / "bare", client_key=sshd.client_key, config=config) as server:
        site.trust(server)
        line = await site.refused(a_server(server, key=key), LoginError, Face())
    assert "accepts none of our keys or passwords" in line


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "cannot be read: No such file or directory"),
        ("no key at all\n", "cannot be used: Invalid private key"),
        (
            "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n",
            "cannot be used: ",
        ),
    ],
)
async def test_a_configured_key_that_is_none(
    site: Site, trusted: PrivateSshd, tmp_path: Path, content: str | None, said: str
) -> None:
    key = tmp_path / "key"
    if content is not None:
        key.write_text(content)
    line = await site.refused(a_server(trusted, key=key), LoginError)
    assert line.startswith(f"key {key} {said}")


async def test_a_key_with_the_public_half_of_another(
    site: Site, trusted: PrivateSshd, tmp_path: Path
) -> None:
    key, other = make_key(tmp_path / "key"), make_key(tmp_path / "other")
    shutil.copy(f"{other}.pub", f"{key}.pub")
    line = await site.refused(a_server(trusted, key=key), LoginError)
    assert "mismatch" in line


async def test_the_passphrase_is_asked_for(site: Site, trusted: PrivateSshd, tmp_path: Path) -> None:
    key = make_key(tmp_path / "locked", "right")
    allow(trusted, key)
    face = Face(passphrase=["wrong", "right"])
    async with site.session(a_server(trusted, key=key), face) as session:
        assert (await session.run("echo in", timeout=30)).stdout == b"in\n"
    first, second = face.asked
    assert first.text == second.text == f"passphrase of {key}:"
    assert first.secret
    assert first.detail == ()
    assert second.detail == ("wrong passphrase (1 of 3)",)


async def test_wrong_passphrases_end_after_three(site: Site, trusted: PrivateSshd, tmp_path: Path) -> None:
    key = make_key(tmp_path / "locked", "right")
    face = Face(passphrase=["a", "b", "c", "right"])
    line = await site.refused(a_server(trusted, key=key), LoginError, face)
    assert line == f"key {key}: 3 passphrases were tried, and none was right"
    assert len(face.asked) == 3


async def test_without_a_face_a_locked_key_needs_an_operator(
    site: Site, trusted: PrivateSshd, tmp_path: Path
) -> None:
    key = make_key(tmp_path / "locked", "right")
    line = await site.refused(a_server(trusted, key=key), NeedsOperatorError)
    assert line == (
        f"needs an operator: passphrase of {key}; unlock the key in an agent, or start the run from the cockpit"
    )


async def test_the_agent_unlocks_a_key(
    site: Site, trusted: PrivateSshd, tmp_path: Path, agent: Callable[..., None]
) -> None:
    key = make_key(tmp_path / "locked", "right")
    allow(trusted, key)
    agent(key, "right")
    face = Face()
    async with site.session(a_server(trusted, key=key), face):
        pass
    # … also when only its public half is here
    key.unlink()
    async with site.session(a_server(trusted, key=Path(f"{key}.pub")), face):
        pass
    assert face.asked == []


async def test_the_configured_key_goes_before_an_agent_full_of_others(
    site: Site, trusted: PrivateSshd, tmp_path: Path, agent: Callable[..., None]
) -> None:
    """A server hangs up after six keys that it does not know."""
    for number in range(7):
        agent(make_key(tmp_path / f"other{number}"))
    async with site.session(a_server(trusted)):
        pass
    line = await site.refused(a_server(trusted, key=None), LoginError)
    assert line.startswith(f"127.0.0.1 port {trusted.port}: refused us after too many keys")
    key = make_key(tmp_path / "locked", "right")
    allow(trusted, key)
    agent(key, "right")
    async with site.session(a_server(trusted, key=key)):
        pass


async def test_an_agent_that_is_gone_or_silent_is_no_agent(
    site: Site, trusted: PrivateSshd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSH_AUTH_SOCK", str(tmp_path / "gone"))
    async with site.session(a_server(trusted)):
        pass


async def test_the_default_keys_of_the_home_are_tried(site: Site, trusted: PrivateSshd) -> None:
    ssh = site.home / ".ssh"
    (ssh / "id_rsa").write_text("garbage that somebody left here\n")
    make_key(ssh / "id_ecdsa", "right", kind="ecdsa")
    allow(trusted, make_key(ssh / "id_ed25519"))
    face = Face()
    async with site.session(a_server(trusted, key=None), face):
        pass
    assert face.asked == [], "a locked key is asked for only when nothing else lets us in"
    allow(trusted, ssh / "id_ecdsa")
    line = await site.refused(a_server(trusted, key=None), NeedsOperatorError, face)
    assert line.startswith(f"needs an operator: passphrase of {ssh}/id_ecdsa;")
    async with site.session(a_server(trusted, key=None), Face(passphrase="right")):
        pass


async def test_all_that_was_tried_is_named(site: Site, trusted: PrivateSshd) -> None:
    ssh = site.home / ".ssh"
    (ssh / "id_rsa").write_text("garbage\n")
    make_key(ssh / "id_ed25519")
    line = await site.refused(a_server(trusted, key=None), LoginError)
    assert f"(tried: {ssh}/id_ed25519, key {ssh}/id_rsa cannot be used: Invalid private key)" in line


async def test_without_any_key(site: Site, trusted: PrivateSshd) -> None:
    assert "(tried: no key was found)" in await site.refused(a_server(trusted, key=None), LoginError)


async def test_identity_files_of_the_ssh_configuration(
    site: Site, trusted: PrivateSshd, tmp_path: Path
) -> None:
    key = make_key(tmp_path / "mine")
    allow(trusted, key)
    make_key(site.home / ".ssh/id_ed25519")
    site.ssh_config(f"IdentityFile {tmp_path}/missing\nIdentityFile {key}\nIdentitiesOnly yes\n")
    async with site.session(a_server(trusted, key=None)):
        pass


async def test_the_agent_of_the_ssh_configuration(
    site: Site,
    trusted: PrivateSshd,
    tmp_path: Path,
    agent: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    key = make_key(tmp_path / "mine")
    allow(trusted, key)
    agent(key)
    for line in (
        f"IdentityAgent {os.environ['SSH_AUTH_SOCK']}",
        "IdentityAgent SSH_AUTH_SOCK",
        "IdentityAgent $OUR",
    ):
        monkeypatch.setenv("OUR", os.environ["SSH_AUTH_SOCK"])
        site.ssh_config(f"{line}\n")
        async with site.session(a_server(trusted, key=None)):
            pass
    site.ssh_config("IdentityAgent none\n")
    assert "no key was found" in await site.refused(a_server(trusted, key=None), LoginError)


def certify(authority: Path, key: Path, *words: str) -> None:
    subprocess.run(["ssh-keygen", "-q", "-s", authority, "-I", "us", *words, f"{key}.pub"], check=True)


async def test_user_certificates(
    site: Site, sshd: PrivateSshd, tmp_path: Path, agent: Callable[..., None]
) -> None:
    authority = make_key(tmp_path / "authority")
    plain, locked = make_key(tmp_path / "plain"), make_key(tmp_path / "locked", "right")
    config = [f"TrustedUserCAKeys {authority}.pub", "AuthorizedKeysFile none"]
    with PrivateSshd(tmp_path / "ca", client_key=sshd.client_key, config=config) as server:
        site.trust(server)
        await site.refused(a_server(server, key=plain), LoginError)
        for key in (plain, locked):
            certify(authority, key, "-n", server.user)
        async with site.session(a_server(server, key=plain)):
            pass
        async with site.session(a_server(server, key=locked), Face(passphrase="right")):
            pass
        hidden = locked.with_name("locked-cert.pub").rename(tmp_path / "aside")
        agent(locked, "right")
        hidden.rename(locked.with_name("locked-cert.pub"))
        async with site.session(a_server(server, key=locked)):
            pass
        # where ~/.ssh/config says that it lies elsewhere: for a key here, a locked one, and one of the agent's
        for key in (plain, locked):
            key.with_name(f"{key.name}-cert.pub").rename(tmp_path / f"{key.name}.certificate")
            site.ssh_config(f"CertificateFile /nowhere\nCertificateFile {tmp_path}/{key.name}.certificate\n")
            face = Face(passphrase="right")
            async with site.session(a_server(server, key=key), face):
                assert face.kinds == [], "the agent holds the locked one"
        tmp_path.joinpath("plain.certificate").unlink()
        certify(authority, plain, "-n", server.user, "-V", "-2d:-1d")
        await site.refused(a_server(server, key=plain), LoginError)
