"""Access lists from a server's tar, also those that no honest one sends."""

import contextlib
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuibackup.vault.archive import acl

LISTS = st.lists(
    st.sampled_from(["user", "group", "u", "mask", "x", ":", "::", "rwx", "-1", "99999999999", ","])
)


def test_an_access_list_has_the_kernels_layout() -> None:
    found = acl.encode(b"user::rw-,user:no-such-account:r-x:4711,group::r--,mask::r-x,other::---")
    assert found[:4] == struct.pack("<I", 2)
    assert struct.pack("<HHI", 2, 5, 4711) in found
    assert len(found) == 4 + 5 * 8


@pytest.mark.parametrize(
    "text", [b"user:x:rwx:4294967296", b"user:x:rwx:-1", b"user:x:rwx:99999999999999999999"]
)
def test_an_id_that_cannot_be_is_refused(text: bytes) -> None:
    with pytest.raises(ValueError, match="32-bit"):
        acl.encode(text)


@given(LISTS.map("".join))
def test_nonsense_raises_what_restoring_expects(text: str) -> None:
    with contextlib.suppress(ValueError, KeyError):
        acl.encode(text.encode())
