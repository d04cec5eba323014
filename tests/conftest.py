"""Fixtures that every room's tests share: real servers, started once for all tests of a process."""

from collections.abc import Iterator

import pytest

from tuibackup.demo.sshd import PrivateSshd


@pytest.fixture(scope="session")
def sshd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrivateSshd]:
    """A private sshd that takes our client key; a test that breaks or configures one starts its own."""
    with PrivateSshd(tmp_path_factory.mktemp("sshd")) as server:
        yield server
