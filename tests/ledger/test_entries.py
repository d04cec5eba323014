import hashlib
import json
import string
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuibackup.ledger.entries import GENESIS, canonical, entry_hash, iso

# Half characters (lone surrogates) too: names that are no UTF-8 arrive like that.
texts = st.text(st.characters(codec=None))
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=12,
)


@given(values)
def test_canonical_json_reads_back_and_has_one_form(value: object) -> None:
    text = canonical(value)
    text.encode()  # has a UTF-8 form whatever was in it
    assert json.loads(text) == value
    assert canonical(json.loads(text)) == text


def test_canonical_json_sorts_keys_and_has_no_spaces() -> None:
    assert canonical({"b": [1, "é"], "a": {"d": None, "c": 0.5}}) == '{"a":{"c":0.5,"d":null},"b":[1,"é"]}'


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_what_json_cannot_say_is_refused(value: float) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        canonical({"seconds": value})


names = st.text(string.printable, max_size=20)


@given(st.integers(1), names, names, st.none() | names, st.none() | names, st.dictionaries(names, values))
def test_the_hash_is_sha256_of_the_canonical_json_of_all_other_fields(
    seq: int, operator: str, host: str, server: str | None, run: str | None, body: dict[str, object]
) -> None:
    time = "2026-11-22T01:30:00.000Z"
    fields = {
        "seq": seq, "time": time, "kind": "run", "operator": operator, "host": host, "server": server,
        "run": run, "body": body, "prev": GENESIS,
    }  # fmt: skip
    expected = hashlib.sha256(canonical(fields).encode()).hexdigest()
    assert entry_hash(seq, time, "run", operator, host, server, run, canonical(body), GENESIS) == expected


def test_times_are_utc_with_milliseconds() -> None:
    jakarta = timezone(timedelta(hours=7))
    assert iso(datetime(2026, 11, 22, 8, 30, 0, 1999, jakarta)) == "2026-11-22T01:30:00.001Z"
    assert datetime.fromisoformat(iso(datetime(2026, 11, 22, tzinfo=UTC))) == datetime(
        2026, 11, 22, tzinfo=UTC
    )
