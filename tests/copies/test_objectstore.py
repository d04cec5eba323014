"""Object stores as places for copies, against real ones on this machine, and over lines that do wrong.

Each fault of facts.md section 4 is one case here; what a whole copy makes of them is in tests/acceptance.
"""

import base64
import contextlib
import json
import os
import socket
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from tests.copies.conformance import CONTENT, Conformance, whole
from tests.stores import servers
from tests.stores.http_line import Answer, Fault, HttpLine, Request, error
from tests.stores.servers import KEY, SECRET, Store
from tuibackup.config.copies import Address, CopySettings
from tuibackup.copies.objectstore.bucket import Bucket
from tuibackup.copies.objectstore.probe import Absent, Lock, probe
from tuibackup.copies.objectstore.target import ObjectTarget
from tuibackup.copies.target import AlreadyThereError, CopyError


def opened(
    store: Store, folder: Path, port: int | None = None, to: str = "s3://tapes", **more: str
) -> ObjectTarget:
    """A fresh place in `store`, behind `port` where one is given."""
    credentials = folder / f"key-{uuid.uuid4().hex[:8]}"
    credentials.write_text(more.pop("credentials", store.credentials))
    credentials.chmod(0o600)
    endpoint = store.endpoint if port is None else store.endpoint.replace(f":{store.port}", f":{port}")
    address = Address.parse(f"{to}/{uuid.uuid4().hex[:8]}")
    settings = CopySettings(
        name="kampus", to=address, endpoint=endpoint, credentials_file=credentials, **more
    )
    return ObjectTarget(Bucket.of(settings))


@pytest.fixture(scope="module")
def moto(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with servers.moto(tmp_path_factory.mktemp("moto")) as store:
        servers.make_bucket(store, "tapes")
        yield store


@pytest.fixture(scope="module")
def nanio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with servers.nanio(tmp_path_factory.mktemp("nanio")) as store:
        (store.folder / "tapes").mkdir()
        yield store


@pytest.fixture(scope="module")
def azurite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with servers.azurite(tmp_path_factory.mktemp("azurite")) as store:
        servers.make_container(store, "tapes")
        yield store


@pytest.fixture(scope="module")
def line(moto: Store) -> Iterator[HttpLine]:
    with HttpLine(moto.port) as line:
        yield line


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """The waits between attempts, in hundredths."""
    from tuibackup.copies.objectstore import target

    monkeypatch.setattr(target, "WAITS", tuple(one / 100 for one in target.WAITS))
    monkeypatch.setattr(target, "FIRST_WAITS", tuple(one / 100 for one in target.FIRST_WAITS))


class TestMoto(Conformance):
    """A store that keeps conditions."""

    @pytest.fixture
    def target(self, moto: Store, tmp_path: Path) -> ObjectTarget:
        return opened(moto, tmp_path)


@pytest.mark.long
class TestNanio(Conformance):
    """A store that checks signatures."""

    @pytest.fixture
    def target(self, nanio: Store, tmp_path: Path) -> ObjectTarget:
        return opened(nanio, tmp_path)

    def test_of_many_who_create_the_same_one_succeeds(self, target: object) -> None:
        pytest.skip("nanio ignores create-if-absent; that is found by the probe, and told")


NAME = "siakad/files/2026-11-22T013000Z/var%2Fwww.tar.zst.part-00001"


@pytest.mark.long
@pytest.mark.parametrize("kind", ["cut before", "cut within", "answer", "delay", "slow"])
def test_what_did_not_reach_the_store_is_sent_again(
    kind: str, moto: Store, line: HttpLine, tmp_path: Path
) -> None:
    target = opened(moto, tmp_path, line.port)
    line.fail(Fault(kind, last=3, seconds=0.2))
    target.create(NAME, CONTENT)
    assert len(line.met) == (3 if kind in ("cut before", "cut within", "answer") else 1)
    assert whole(target, NAME) == CONTENT


@pytest.mark.parametrize("kind", ["cut after", "twice"])
@pytest.mark.parametrize("store", ["moto", "nanio"])
def test_an_object_of_ours_whose_answer_was_lost_is_found(
    kind: str, store: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    server = request.getfixturevalue(store)
    with HttpLine(server.port, Fault(kind)) as line:
        target = opened(server, tmp_path, line.port)
        with contextlib.suppress(AlreadyThereError):  # whoever sends compares it
            target.create(NAME, CONTENT)
        assert line.met
        assert whole(target, NAME) == CONTENT


@pytest.mark.parametrize("store", ["moto", "nanio"])
def test_what_lies_there_is_never_overwritten(
    store: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    target = opened(request.getfixturevalue(store), tmp_path)
    target.create(NAME, b"of another")
    with pytest.raises(AlreadyThereError):
        target.create(NAME, CONTENT)
    assert whole(target, NAME) == b"of another"


@pytest.mark.long
def test_a_bit_that_flips_on_the_way_there_is_found(moto: Store, nanio: Store, tmp_path: Path) -> None:
    """moto stores it and tells its hash; nanio compares the hash of ours and takes nothing."""
    with HttpLine(moto.port, Fault("flip sent")) as line:
        with pytest.raises(CopyError, match="was stored otherwise than it was sent"):
            opened(moto, tmp_path, line.port).create(NAME, CONTENT)
        assert line.met
    with HttpLine(nanio.port, Fault("flip sent")) as line:
        target = opened(nanio, tmp_path, line.port)
        target.create(NAME, CONTENT)
        assert line.met
        assert whole(target, NAME) == CONTENT
        line.fail(Fault("flip sent", last=99))
        with pytest.raises(CopyError, match="something on the way changes data"):
            target.create(NAME + "2", CONTENT)


def test_reading_goes_on_where_the_line_broke(moto: Store, line: HttpLine, tmp_path: Path) -> None:
    target = opened(moto, tmp_path, line.port)
    target.create(NAME, CONTENT)
    line.fail(Fault("cut answer", method="GET", last=3))
    assert whole(target, NAME) == CONTENT
    assert len(line.met) == 3


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (error(403, "InvalidAccessKeyId"), "does not accept this key"),
        (error(403, "SignatureDoesNotMatch"), "secret part of the key is wrong"),
        (error(403, "ExpiredToken"), "the key has expired"),
        (error(403, "RequestTimeTooSkewed"), "clocks of this machine and of the store disagree"),
        (error(403, "AccessDenied"), "no right to do this"),
        (error(404, "NoSuchBucket"), "no bucket of this name"),
        (error(301, "PermanentRedirect"), "another region or at another address"),
        (error(400, "AuthorizationHeaderMalformed"), "another region or at another address"),
        (error(403, "QuotaExceeded"), "its quota is used up"),
        (error(507, "InsufficientStorage"), "its quota is used up"),
        (error(503, "SlowDown"), "overloaded and asks to wait"),
        (error(500, "InternalError"), "has a fault of its own"),
        (error(400, "OddThing"), "the store says: 400 OddThing"),
        (
            Answer(200, b"<html>a captive portal</html>"),
            "otherwise than it was sent|exists already|cannot be used",
        ),
    ],
)
def test_each_refusal_is_one_sentence(
    answer: Answer, says: str, moto: Store, line: HttpLine, tmp_path: Path
) -> None:
    target = opened(moto, tmp_path, line.port)
    line.fail(Fault("answer", method="*", last=99, answer=answer))
    with pytest.raises(CopyError, match=says) as caught:
        target.create(NAME, CONTENT)
    said = str(caught.value)
    assert "\n" not in said
    assert len(said) < 400
    assert KEY not in said
    assert SECRET not in said
    assert caught.value.__cause__ is None


@pytest.mark.long
def test_a_wrong_key_is_told_apart_from_a_missing_bucket(nanio: Store, tmp_path: Path) -> None:
    cases = {
        "secret part of the key is wrong": {"credentials": servers.s3_credentials(secret="wrong")},
        "does not accept this key": {"credentials": servers.s3_credentials(key="NOBODY")},
        "no bucket of this name": {"to": "s3://none"},
    }
    for says, more in cases.items():
        target = opened(nanio, tmp_path, **more)
        with pytest.raises(CopyError, match=says):
            target.create(NAME, b"x")
        with pytest.raises(CopyError, match=says):
            list(target.objects())
        with pytest.raises(CopyError, match=says):
            whole(target, NAME)


def test_the_environment_of_another_cloud_changes_nothing(
    moto: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in (
        "AWS_ENDPOINT_URL",
        "AWS_ENDPOINT",
        "AWS_ENDPOINT_URL_S3",
        "AWS_SESSION_TOKEN",
        "AWS_SKIP_SIGNATURE",
    ):
        monkeypatch.setenv(name, "http://127.0.0.1:9" if "ENDPOINT" in name else "true")
    target = opened(moto, tmp_path)
    target.create(NAME, b"x")
    assert whole(target, NAME) == b"x"
    assert os.environ["AWS_SKIP_SIGNATURE"] == "true"


class TestGoogle(Conformance):
    """Google's way of asking, before a store of the other kind: only the condition is called otherwise."""

    @pytest.fixture
    def target(self, moto: Store, line: HttpLine, tmp_path: Path) -> Iterator[ObjectTarget]:
        def translated(request: Request) -> dict[str, str]:
            absent = request.headers.get("x-goog-if-generation-match") == "0"
            signed = "AWS4-HMAC-SHA256 Credential=A/20261129/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0"
            return {"authorization": signed, **({"if-none-match": "*"} if absent else {})}

        line.fail()
        line.add = translated
        account = {"client_email": "a@b", "private_key": "x", "private_key_id": "y", "disable_oauth": True}
        yield opened(moto, tmp_path, line.port, "gs://tapes", credentials=json.dumps(account))
        line.add = lambda request: {}


@pytest.mark.long
@pytest.mark.skipif(
    not servers.AZURITE.exists(), reason="scripts/fetch-azurite puts Azure's stand-in into .cache"
)
class TestAzure(Conformance):
    """Azure's own stand-in."""

    @pytest.fixture
    def target(self, azurite: Store, tmp_path: Path) -> ObjectTarget:
        return opened(azurite, tmp_path, to="az://tapes")

    def test_each_refusal_is_one_sentence(self, azurite: Store, tmp_path: Path) -> None:
        wrong = base64.b64encode(b"not the key that it has" * 2).decode()
        cases = {
            "no bucket of this name": {"to": "az://none"},
            "does not accept the key": {
                "to": "az://tapes",
                "credentials": servers.azure_credentials(key=wrong),
            },
            "a form that cannot be used": {
                "to": "az://tapes",
                "credentials": servers.azure_credentials(key="n!"),
            },
        }
        for says, more in cases.items():
            with pytest.raises(CopyError, match=says) as caught:
                opened(azurite, tmp_path, **more).create(NAME, b"x")
            assert servers.AZURE_KEY not in str(caught.value)


def test_without_a_key_nothing_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The library would ask the cloud's metadata address for one."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "of another program")
    asked: list[object] = []
    monkeypatch.setattr(socket.socket, "connect", lambda *words: asked.append(words))
    nobody = Store("http://127.0.0.1:9", "", tmp_path)
    cases = {
        "": "lacks a part of the key",
        "access_key_id = a\n": "lacks a part of the key",
        "access_key = a\n": "unknown name access_key; did you mean access_key_id?",
        "a word": "line 1 of .* is not of the form name = value",
        "access_key_id = a\naccess_key_id = b\n": "has access_key_id twice",
        "secret_access_key = a b\n": "characters that no key has",
    }
    for text, says in cases.items():
        with pytest.raises(CopyError, match=says):
            opened(nobody, tmp_path, credentials=text)
    with pytest.raises(CopyError, match="is no key of a service account"):
        opened(nobody, tmp_path, to="gs://tapes", credentials='{"type": "authorized_user"}')
    with pytest.raises(CopyError, match="account_name = … account_key = … or account_name = … sas_token = …"):
        opened(nobody, tmp_path, to="az://tapes", credentials="account_name = a")
    settings = CopySettings(name="kampus", to=Address.parse("s3://tapes"))
    with pytest.raises(CopyError, match="copy kampus has no key; name its file: credentials_file"):
        ObjectTarget(Bucket.of(settings))
    assert not asked


def test_a_key_file_that_others_may_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_text("[default]\naws_access_key_id = 'a'\naws_secret_access_key = b\n")
    path.chmod(0o640)
    settings = CopySettings(name="kampus", to=Address.parse("s3://tapes"), credentials_file=path)
    with pytest.raises(CopyError, match="can be read by others; chmod 600"):
        ObjectTarget(Bucket.of(settings))
    path.chmod(0o600)
    ObjectTarget(Bucket.of(settings))
    with pytest.raises(CopyError, match="cannot be read: No such file"):
        ObjectTarget(Bucket.of(msgspec.structs.replace(settings, credentials_file=tmp_path / "none")))


@pytest.mark.parametrize(
    ("settings", "url"),
    [
        ({}, "https://tapes.s3.ap-southeast-3.amazonaws.com"),
        ({"path_style": True}, "https://s3.ap-southeast-3.amazonaws.com/tapes"),
        ({"endpoint": "https://s3.example.ac.id/"}, "https://s3.example.ac.id/tapes"),
        ({"endpoint": "https://s3.example.ac.id", "path_style": False}, "https://tapes.s3.example.ac.id"),
        ({"endpoint": "http://127.0.0.1:9000", "path_style": False}, "http://127.0.0.1:9000/tapes"),
    ],
)
def test_where_a_bucket_is_asked(settings: dict[str, str], url: str) -> None:
    copy = CopySettings(name="k", to=Address.parse("s3://tapes/a"), region="ap-southeast-3", **settings)
    assert Bucket.of(copy).url == url


def test_a_probe_tells_what_the_store_really_does(moto: Store, nanio: Store, tmp_path: Path) -> None:
    servers.make_bucket(moto, "locked", lock_days=120)
    found = {
        name: probe(opened(store, tmp_path, to=to))
        for name, store, to in (
            ("moto", moto, "s3://tapes"),
            ("nanio", nanio, "s3://tapes"),
            ("locked", moto, "s3://locked"),
        )
    }
    assert (found["moto"].absent, found["moto"].lock) == (Absent.ENFORCED, Lock.GONE)
    assert (found["nanio"].absent, found["nanio"].lock) == (Absent.IGNORED, Lock.GONE)
    locked = found["locked"]
    assert (locked.absent, locked.lock, locked.mode) == (Absent.ENFORCED, Lock.KEPT, "compliance")
    assert locked.until is not None
    assert timedelta(days=119) < locked.until - datetime.now(UTC) < timedelta(days=121)


@pytest.mark.long
def test_a_store_that_knows_no_conditions_gets_none(moto: Store, line: HttpLine, tmp_path: Path) -> None:
    """Backblaze answers 501 to If-None-Match: what is there is looked for, and that is all there is."""
    target = opened(moto, tmp_path, line.port)
    line.fail(Fault("answer", answer=error(501, "NotImplemented")))
    target.create(NAME, b"first")
    assert line.met
    with pytest.raises(AlreadyThereError):
        target.create(NAME, b"second")
    assert whole(target, NAME) == b"first"
