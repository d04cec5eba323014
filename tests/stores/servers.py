"""Private object stores: moto and nanio from PyPI, azurite from npm (`scripts/fetch-azurite`).

What each of them is good for: moto keeps conditions, versions and locks, and checks no signature. nanio checks
signatures, and overwrites what it was asked to create only if absent. azurite is Azure's own stand-in.
"""

import base64
import hmac
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email.utils import formatdate
from pathlib import Path

from tests.stores.freeport import free_port

KEY, SECRET = "PLANTEDKEYID00001234", "plantedSecretKey+/do-not-show-0123456789ab"
AZURITE = Path(__file__).parents[2] / ".cache/azurite/node_modules/.bin/azurite-blob"
AZURE_ACCOUNT, AZURE_KEY = (
    "devstoreaccount1",
    base64.b64encode(b"planted azure key, never to be shown" * 2).decode(),
)


@dataclass(frozen=True)
class Store:
    """Where it answers, and the content of the credentials file that opens it."""

    endpoint: str
    credentials: str
    folder: Path

    @property
    def port(self) -> int:
        return int(self.endpoint.split(":")[2].partition("/")[0])


def s3_credentials(key: str = KEY, secret: str = SECRET) -> str:
    return f"access_key_id = {key}\nsecret_access_key = {secret}\n"


def azure_credentials(account: str = AZURE_ACCOUNT, key: str = AZURE_KEY) -> str:
    return f"account_name = {account}\naccount_key = {key}\n"


@contextmanager
def moto(folder: Path) -> Iterator[Store]:
    """An S3 store without buckets that keeps conditions, versions and locks."""
    port = free_port()
    command = [_program("moto_server"), "-H", "127.0.0.1", "-p", str(port)]
    with _running(command, folder, f"http://127.0.0.1:{port}/moto-api/"):
        yield Store(f"http://127.0.0.1:{port}", s3_credentials(), folder)


@contextmanager
def nanio(folder: Path) -> Iterator[Store]:
    """An S3 store that checks signatures; each folder in its data folder is a bucket."""
    port = free_port()
    (folder / "nanio").mkdir(parents=True, exist_ok=True)
    command = [_program("nanio"), "serve", "--host", "127.0.0.1", "--port", str(port), "--no-access-log"]
    command += ["--data-dir", str(folder / "nanio"), "--log-level", "error"]
    secrets = {"NANIO_ACCESS_KEY": KEY, "NANIO_SECRET_KEY": SECRET}
    with _running(command, folder, f"http://127.0.0.1:{port}/", secrets):
        yield Store(f"http://127.0.0.1:{port}", s3_credentials(), folder / "nanio")


@contextmanager
def azurite(folder: Path) -> Iterator[Store]:
    """Azure's blob storage. The caller skips where `AZURITE` is not there."""
    port = free_port()
    command = [
        str(AZURITE),
        "--blobHost",
        "127.0.0.1",
        "--blobPort",
        str(port),
        "--silent",
        "--inMemoryPersistence",
    ]
    command += ["--skipApiVersionCheck", "--disableTelemetry"]
    accounts = {"AZURITE_ACCOUNTS": f"{AZURE_ACCOUNT}:{AZURE_KEY}"}
    endpoint = f"http://127.0.0.1:{port}/{AZURE_ACCOUNT}"
    with _running(command, folder, endpoint, accounts):
        yield Store(endpoint, azure_credentials(), folder)


def make_bucket(store: Store, name: str, lock_days: int = 0) -> None:
    """Make a bucket at moto; with `lock_days` everything in it is locked for so long."""
    lock = {"x-amz-bucket-object-lock-enabled": "true"} if lock_days else {}
    _ask(f"{store.endpoint}/{name}", lock)
    if lock_days:
        days = f"<DefaultRetention><Mode>COMPLIANCE</Mode><Days>{lock_days}</Days></DefaultRetention>"
        rule = f"<ObjectLockEnabled>Enabled</ObjectLockEnabled><Rule>{days}</Rule>"
        text = f"<ObjectLockConfiguration>{rule}</ObjectLockConfiguration>"
        _ask(f"{store.endpoint}/{name}?object-lock", {"Content-Type": "application/xml"}, text.encode())


def reset(store: Store) -> None:
    """Let moto forget everything."""
    urllib.request.urlopen(f"{store.endpoint}/moto-api/reset", b"", timeout=60).close()


def make_container(store: Store, name: str) -> None:
    """Make a container at azurite."""
    date = formatdate(usegmt=True)
    to_sign = f"PUT{chr(10) * 12}x-ms-date:{date}\nx-ms-version:2021-08-06\n"
    to_sign += f"/{AZURE_ACCOUNT}/{AZURE_ACCOUNT}/{name}\nrestype:container"
    signature = base64.b64encode(
        hmac.digest(base64.b64decode(AZURE_KEY), to_sign.encode(), "sha256")
    ).decode()
    headers = {"x-ms-date": date, "x-ms-version": "2021-08-06", "Content-Length": "0"}
    headers["Authorization"] = f"SharedKey {AZURE_ACCOUNT}:{signature}"
    _ask(f"{store.endpoint}/{name}?restype=container", headers)


def _ask(url: str, headers: dict[str, str], body: bytes | None = None) -> None:
    urllib.request.urlopen(urllib.request.Request(url, body, headers, method="PUT"), timeout=60).close()


def _program(name: str) -> str:
    return str(Path(sys.executable).parent / name)


@contextmanager
def _running(
    command: list[str], folder: Path, answers: str, more: dict[str, str] | None = None
) -> Iterator[None]:
    """Run the server while the caller works; begin when it answers at all. Its children end with it."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "server.log").open("ab") as log:
        server = subprocess.Popen(
            command,
            cwd=folder,
            env={"PATH": os.environ["PATH"], "HOME": str(folder), "LANG": "C.UTF-8", **(more or {})},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        end = time.monotonic() + 240  # a busy machine
        while True:
            try:
                urllib.request.urlopen(answers, timeout=5).close()
                break
            except urllib.error.HTTPError:
                break
            except OSError:
                said = (folder / "server.log").read_text(errors="replace")[-2000:]
                assert server.poll() is None, f"{command[0]} ended:\n{said}"
                assert time.monotonic() < end, f"{command[0]} does not answer:\n{said}"
                time.sleep(0.05)
        yield
    finally:
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()
