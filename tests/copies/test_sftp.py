"""Another host as a place for copies, over a real sshd's SFTP."""

from collections.abc import Iterator
from pathlib import Path

import asyncssh
import pytest

from tests.copies.conformance import CONTENT, Conformance
from tuibackup.copies.folder import DRAFT
from tuibackup.copies.sftp import SftpTarget
from tuibackup.copies.target import AwayError, CopyError
from tuibackup.copies.throttle import unlimited
from tuibackup.demo.sshd import PrivateSshd


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrivateSshd]:
    with PrivateSshd(tmp_path_factory.mktemp("host")) as sshd:
        yield sshd


@pytest.fixture
def target(host: PrivateSshd, tmp_path: Path) -> Iterator[SftpTarget]:
    async def connect():  # type: ignore[no-untyped-def]
        try:
            connection = await asyncssh.connect(
                host.host, host.port, username=host.user, client_keys=[str(host.client_key)], known_hosts=None
            )
        except OSError as error:
            raise AwayError(str(error)) from error

        async def leave() -> None:
            connection.abort()

        return await connection.start_sftp_client(path_encoding=None), leave

    place = SftpTarget(f"sftp://{host.host}{tmp_path}", str(tmp_path), connect, unlimited())
    yield place
    place.close()


class TestSftp(Conformance):
    """With what only a connection can do."""

    def test_a_lost_connection_is_made_again(self, target: SftpTarget, host: PrivateSshd) -> None:
        target.create("a/one", CONTENT)
        pieces = target.read("a/one")
        first = next(pieces)
        host.cut_connections()
        assert first + b"".join(pieces) == CONTENT
        host.cut_connections()
        target.create("a/two", b"second")
        assert [one.key for one in target.objects()] == ["a/one", "a/two"]

    @pytest.mark.long
    def test_a_host_that_is_gone_is_away(self, target: SftpTarget, host: PrivateSshd) -> None:
        target.create("a/one", b"first")
        host.stop()
        try:
            with pytest.raises(AwayError):
                list(target.objects())
        finally:
            host.start()

    def test_what_a_crash_left_is_no_object_and_is_tidied(self, target: SftpTarget, tmp_path: Path) -> None:
        target.create("a/one", b"first")
        (tmp_path / "a" / f"{DRAFT}00").write_bytes(b"half")
        assert [one.key for one in target.objects()] == ["a/one"]
        target.tidy()
        assert [path.name for path in (tmp_path / "a").iterdir()] == ["one"]

    def test_a_link_leads_nowhere(
        self, target: SftpTarget, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
    ) -> None:
        outside = tmp_path_factory.mktemp("outside")
        (tmp_path / "a").symlink_to(outside)
        with pytest.raises(CopyError):
            target.create("a/one", b"mine")
        assert list(outside.iterdir()) == []
        assert list(target.objects()) == []
