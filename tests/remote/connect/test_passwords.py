"""Who we are to a server by what a person knows: passwords, one-time codes, and whatever else it asks."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncssh
import pytest
from msgspec.structs import replace

from tests.remote.conftest import Face, Site
from tuibackup.config import SecretSource, Server
from tuibackup.errors import LoginError, NeedsOperatorError
from tuibackup.remote.connect import connecting
from tuibackup.secret import Secret


class Doorman(asyncssh.SSHServer):
    """Lets in by password, or by several questions in a row."""

    def __init__(self, passwords: bool, challenges: Sequence[Any]) -> None:
        self._passwords = passwords
        self._challenges = challenges
        self._round = 0

    def begin_auth(self, username: str) -> bool:
        return True

    def password_auth_supported(self) -> bool:
        return self._passwords

    def validate_password(self, username: str, password: str) -> bool:
        return password == "right"

    def kbdint_auth_supported(self) -> bool:
        return bool(self._challenges)

    def get_kbdint_challenge(self, username: str, lang: str, submethods: str) -> Any:
        return self._challenges[0][0]

    def validate_kbdint_response(self, username: str, responses: Sequence[str]) -> Any:
        wanted = self._challenges[self._round][1]
        if wanted is not None and list(responses) != wanted:
            return False
        self._round += 1
        if self._round == len(self._challenges):
            return True
        return self._challenges[self._round][0]


@asynccontextmanager
async def doorman(
    site: Site, *, passwords: bool = False, challenges: Sequence[Any] = ()
) -> AsyncIterator[Server]:
    key = asyncssh.generate_private_key("ssh-ed25519")
    server = await asyncssh.create_server(
        lambda: Doorman(passwords, challenges), "127.0.0.1", 0, server_host_keys=[key]
    )
    port = server.get_port()
    with (site.home / ".ssh/known_hosts").open("a") as known:
        known.write(f"[127.0.0.1]:{port} {key.export_public_key().decode()}")
    try:
        yield Server("siakad", "127.0.0.1", port=port, user="andi")
    finally:
        server.close()
        await server.wait_closed()


def prompts(*texts: str) -> tuple[str, str, str, list[tuple[str, bool]]]:
    return "", "", "", [(text, False) for text in texts]


async def test_a_password_that_is_typed(site: Site) -> None:
    face = Face(ssh_password=["wrong", "right"])
    async with doorman(site, passwords=True) as server, site.session(server, face):
        pass
    first, second = face.asked
    assert first.text == "SSH password of andi@127.0.0.1:"
    assert first.secret
    assert second.detail == ("that was not it",)


async def test_passwords_end_after_three(site: Site) -> None:
    face = Face(ssh_password=["a", "b", "c", "right"])
    async with doorman(site, passwords=True) as server:
        line = await site.refused(server, LoginError, face)
    assert "(tried: password)" in line
    assert len(face.asked) == 3


async def test_a_configured_password_is_used_and_not_asked_for(site: Site, tmp_path: Path) -> None:
    face = Face()
    async with doorman(site, passwords=True) as server:
        server = a_password(server, SecretSource(file=tmp_path / "x"))
        await (await site.connect(server, face, secret=lambda: "right")).close()
        with pytest.raises(LoginError, match=r"tried: password"):
            await site.connect(server, face, secret=lambda: "wrong")
    assert face.kinds == ["ssh-password"], "when the configured one is wrong a person may know better"


def a_password(server: Server, source: SecretSource) -> Server:
    return replace(server, password=source)


async def test_what_the_password_source_says_is_raised(site: Site) -> None:
    def broken() -> str:
        raise NeedsOperatorError("needs an operator: SSH password")

    async with doorman(site, passwords=True) as server:
        with pytest.raises(NeedsOperatorError, match=r"^needs an operator: SSH password$"):
            await site.connect(a_password(server, SecretSource(prompt=True)), secret=broken)


async def test_a_face_that_fails_is_no_lost_connection(site: Site) -> None:
    class Broken:
        async def ask(self, question: object) -> str:
            raise OSError("the face is gone")

    async with doorman(site, passwords=True) as server:
        with pytest.raises(OSError, match="the face is gone"):
            await site.connect(server, Broken())  # type: ignore[arg-type]  # what it is for


async def test_keyboard_interactive_asks_for_password_and_code(site: Site) -> None:
    challenges = [
        (prompts("Password: "), ["right"]),
        (("", "Welcome\nto \x1b[31mhell", "", [("Verification code: ", True)]), ["123456"]),
        (prompts(), []),
    ]
    face = Face(ssh_password="right", code="123456")
    async with doorman(site, challenges=challenges) as server, site.session(server, face):
        pass
    password, code = face.asked
    assert password.text == "SSH password of andi@127.0.0.1:"
    assert code.text == "andi@127.0.0.1 asks: Verification code:"
    assert not code.secret
    assert code.detail == ("Welcome to \\x1b[31mhell",)


async def test_a_one_time_password_is_not_the_password(site: Site) -> None:
    face = Face(code="123456")
    challenges = [(prompts("One-time password (OATH) for `andi': "), ["123456"])]
    async with doorman(site, challenges=challenges) as server:
        server = a_password(server, SecretSource(prompt=True))
        await (await site.connect(server, face, secret=lambda: pytest.fail("not asked for"))).close()


@pytest.mark.parametrize("prompt", ["New password: ", "Retype new password: "])
async def test_a_password_is_never_changed_by_mistake(site: Site, prompt: str) -> None:
    async with doorman(site, challenges=[(prompts(prompt), None)]) as server:
        server = a_password(server, SecretSource(prompt=True))
        with pytest.raises(NeedsOperatorError, match=r"andi@127.0.0.1 asks: \w+ (new )?password$"):
            await site.connect(server, secret=lambda: pytest.fail("the password must stay here"))


async def test_a_server_cannot_ask_without_end(site: Site) -> None:
    face = Face(code=["x"] * 100)
    async with doorman(site, challenges=[(prompts(*["more?"] * 50), None)] * 50) as server:
        await site.refused(server, LoginError, face)
    assert len(face.asked) < 12
    async with doorman(site, challenges=[(prompts(), None)] * 1000) as server:
        await site.refused(server, LoginError, face)


async def test_what_a_server_asks_is_clean_and_short(site: Site) -> None:
    face = Face()
    async with doorman(site, challenges=[(prompts("a\nb\x1b]0;x\x07\u202e" + "y" * 5000), None)]) as server:
        await site.refused(server, LoginError, face)
    (question,) = face.asked
    assert question.text.startswith("andi@127.0.0.1 asks: a b\\x1b]0;x\\x07\\u202eyyy")
    assert len(question.text) < 260


async def test_nobody_is_asked_without_a_face(site: Site) -> None:
    async with doorman(site, passwords=True, challenges=[(prompts("Password: "), ["right"])]) as server:
        line = await site.refused(server, LoginError)
        assert "accepts none of our keys or passwords" in line
        line = await site.refused(a_password(server, SecretSource(prompt=True)), NeedsOperatorError)
    assert line == "needs an operator: SSH password of andi@127.0.0.1"


async def test_time_stands_still_while_a_person_types(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    class Slow(Face):
        async def ask(self, question: Any) -> str | None:
            await asyncio.sleep(2.5)
            return await super().ask(question)

    monkeypatch.setattr(connecting, "ATTEMPT_SECONDS", 2.0)
    async with doorman(site, passwords=True) as server:
        session = await site.connect(server, Slow(ssh_password="right"), seconds=2.0)
        await session.close()


async def test_no_secret_is_in_an_error(site: Site) -> None:
    async with doorman(site, passwords=True) as server:
        with pytest.raises(LoginError) as caught:
            await site.connect(server, Face(ssh_password=["planted-secret"] * 3))
    assert "planted-secret" not in repr(caught.value) + str(caught.value)
    assert "planted" not in repr(Secret("planted"))
