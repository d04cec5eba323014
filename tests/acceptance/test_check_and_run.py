"""`check` finds what `run` would meet: set-ups that are broken in one way each, and both commands side by side.

Whatever makes a run fail or warn stands in the answer of `check`, in the same words. (TUIBACKUP_TABLE=1 prints both.)
"""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.acceptance.site import TUIBACKUP, Said, Site
from tests.toolboxes import BUSYBOX, only, toolbox
from tuibackup.demo.mariadbd import PrivateMariadb, account
from tuibackup.demo.sshd import PrivateSshd

# Root as an ordinary account is: what file modes deny is denied.
_DROPPED = ["setpriv", "--bounding-set=-dac_override,-dac_read_search,-linux_immutable", "--inh-caps=-all"]


class Humble(Site):
    """A site whose operator may not read and write everything, also where the tests run as root."""

    def tuibackup(self, *words: str, **rest: object) -> Said:
        if os.geteuid() != 0:
            return super().tuibackup(*words)
        done = subprocess.run(
            [*_DROPPED, str(TUIBACKUP), *words],
            env=self.environment(),
            cwd=self.home,
            capture_output=True,
            timeout=120,
            text=True,
            stdin=subprocess.DEVNULL,
            check=False,
        )
        assert "Traceback" not in done.stdout + done.stderr
        assert "internal error" not in done.stdout + done.stderr
        return Said(done.returncode, done.stdout, done.stderr)


@dataclass(frozen=True)
class Both:
    """The two answers."""

    check: Said
    run: Said

    @property
    def checked(self) -> list[dict[str, str]]:
        """Everything that is not ok."""
        return [one for one in self.check.json if one["state"] != "ok"]

    @property
    def met(self) -> list[str]:
        """What the run failed at, found and noted."""
        lines = []
        for event in self.run.events:
            if event["event"] == "run-finished" and event.get("error"):
                lines.append(event["error"])
            if event["event"] == "step-finding":
                lines.append(f"{event['subject']}: {event['reason']}")
            if event["event"] == "run-note":
                lines.append(event["text"])
        return lines


def _names(vault: Path) -> list[str]:
    return sorted(str(path) for path in vault.rglob("*"))


def side_by_side(site: Site, case: str) -> Both:
    before = _names(site.vault)
    check = site.tuibackup("check", "siakad", "--json")
    assert _names(site.vault) == before, "check changes nothing"
    both = Both(check, site.tuibackup("run", "siakad", "--json"))
    if os.environ.get("TUIBACKUP_TABLE"):
        print(f"\n== {case}: check {both.check.code}, run {both.run.code}")
        for one in both.checked:
            print(f"  check {one['state']}: {one['check']}: {site.tidy(one['detail'])}")
        for line in both.met:
            print(f"  run: {site.tidy(line)}")
    return both


# What a run does or suffers in consequence of what it was told before.
_OF_ITS_OWN = (
    "is a vault from now on",
    "vault lies on the system disk",
    "is tmpfs",
    "the dump program exited",
    "the dump ends without",
)


def agree(site: Site, both: Both) -> None:
    """All that the run met is in the check's answer, by the same words (figures of room change meanwhile)."""
    told = [site.tidy(one["detail"]) for one in both.check.json]
    for line in map(site.tidy, both.met):
        if not any(words in line for words in _OF_ITS_OWN):
            assert any(line in one for one in told), f"check does not say: {line}\nit says: " + "\n".join(
                told
            )
    if both.run.code == 1:
        assert both.check.code == 1
    if both.run.code == 3:
        assert both.check.code in (1, 3)


@pytest.fixture
def site(tmp_path: Path) -> Site:
    made = Humble(tmp_path)
    made.write_config()
    return made


@contextmanager
def mode(path: Path, bits: int) -> Iterator[None]:
    before = path.stat().st_mode & 0o7777
    path.chmod(bits)
    try:
        yield
    finally:
        path.chmod(before)


@contextmanager
def small_disk(folder: Path, options: str) -> Iterator[None]:
    if (
        os.geteuid() != 0
        or subprocess.run(
            ["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder], check=False, capture_output=True
        ).returncode
    ):
        pytest.skip("mounting a small disk needs root")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


@pytest.mark.long
def test_the_disk(site: Site, humble_sshd: PrivateSshd, application: Path) -> None:
    """Everything that can be wrong with the place where backups go."""
    site.add("siakad", humble_sshd, [application])

    with mode(site.vault, 0o500):
        both = side_by_side(site, "a new vault that may not be written")
        agree(site, both)
        assert f"chmod u+rwx {site.vault}" in both.check.out
    (site.vault / "photos").mkdir()
    agree(site, side_by_side(site, "a folder with something else in it"))
    (site.vault / "photos").rmdir()
    shutil.rmtree(site.vault)
    agree(site, side_by_side(site, "no such folder"))
    site.vault.mkdir(0o700)
    assert site.tuibackup("run", "siakad").code == 0
    with mode(site.vault / "siakad", 0o500):
        both = side_by_side(site, "the server's own folder may not be written")
        agree(site, both)
        assert both.check.code == 1
    with mode(site.vault / "siakad/files", 0o500):
        agree(site, side_by_side(site, "the folder of its snapshots may not be written"))
    with mode(site.vault / "siakad/.lock", 0o000):
        agree(site, side_by_side(site, "the lock of another account"))
    with mode(site.state, 0o500):
        both = side_by_side(site, "the state folder may not be written")
        assert both.check.code == 1
    site.vault.rename(site.folder / "unplugged")
    site.vault.mkdir(0o700)
    agree(site, side_by_side(site, "an empty mount point"))
    identity = (site.folder / "unplugged/tuibackup-vault.toml").read_text()
    (site.vault / "tuibackup-vault.toml").write_text(identity.replace('id = "', 'id = "ffff'))
    agree(site, side_by_side(site, "another disk"))
    shutil.rmtree(site.vault)
    (site.folder / "unplugged").rename(site.vault)
    config = site.config.read_text()
    site.config.write_text(config.replace('min_free = "1 MB"', 'min_free = "99.9%"'))
    both = side_by_side(site, "min_free keeps nearly all")
    agree(site, both)
    assert both.check.code == both.run.code == 1


@pytest.mark.long
def test_a_small_disk(site: Site, humble_sshd: PrivateSshd, application: Path) -> None:
    site.add("siakad", humble_sshd, [application])
    with small_disk(site.vault, "size=3m,mode=700"):
        (application / "video.bin").write_bytes(os.urandom(4_000_000))
        both = side_by_side(site, "what is to be fetched does not fit")
        agree(site, both)
        assert both.check.code == 1
        (application / "video.bin").unlink()
        assert site.tuibackup("run", "siakad").code == 0
        subprocess.run(["mount", "-o", "remount,ro", site.vault], check=True)
        both = side_by_side(site, "mounted read-only")
        agree(site, both)
        assert f"sudo mount -o remount,rw {site.vault}" in both.check.out
        assert f"sudo mount -o remount,rw {site.vault}" in both.run.out, "the run has the way out too"
        subprocess.run(["mount", "-o", "remount,rw", site.vault], check=True)
        with suppress(OSError), (site.vault / "siakad/filler").open("wb", buffering=0) as filler:
            for size in (1 << 16, 1 << 12, 1):
                with suppress(OSError):
                    while True:
                        filler.write(bytes(size))
        agree(site, side_by_side(site, "full"))


@pytest.mark.long
def test_keys_and_password_files(
    site: Site, humble_sshd: PrivateSshd, application: Path, mariadbd: PrivateMariadb, tmp_path: Path
) -> None:
    key = tmp_path / "key"
    shutil.copy(humble_sshd.client_key, key)
    key.chmod(0o644)
    site.add("siakad", humble_sshd, [application])
    site.servers["siakad"] = site.servers["siakad"].replace(str(humble_sshd.client_key), str(key))
    site.write_config()
    both = side_by_side(site, "a key that others may read")
    agree(site, both)
    assert f"chmod 600 {key}" in both.check.out
    key.chmod(0o600)

    password = tmp_path / "password"
    lines = f'user = "{account()}"\nsocket = "{mariadbd.socket}"\npassword_file = "{password}"\n'
    site.add("siakad", humble_sshd, [application], database=lines, trusted=False)
    password.write_text("secret\n")
    password.chmod(0o644)
    agree(site, side_by_side(site, "a password file that others may read"))


@pytest.mark.long
def test_keys_and_password_files_that_are_empty_or_not_there(
    site: Site, humble_sshd: PrivateSshd, application: Path, mariadbd: PrivateMariadb, tmp_path: Path
) -> None:
    key, password = tmp_path / "key", tmp_path / "password"
    shutil.copy(humble_sshd.client_key, key)
    key.chmod(0o000)
    site.add("siakad", humble_sshd, [application])
    site.servers["siakad"] = site.servers["siakad"].replace(str(humble_sshd.client_key), str(key))
    site.write_config()
    agree(site, side_by_side(site, "a key that may not be read"))
    lines = f'user = "{account()}"\nsocket = "{mariadbd.socket}"\npassword_file = "{password}"\n'
    site.add("siakad", humble_sshd, [application], database=lines, trusted=False)
    agree(site, side_by_side(site, "no password file"))
    password.touch(0o600)
    agree(site, side_by_side(site, "an empty password file"))


@pytest.fixture(
    params=[
        "gnu",
        pytest.param("busybox", marks=pytest.mark.long),
        pytest.param("sftp", marks=pytest.mark.long),
    ]
)
def any_sshd(
    request: pytest.FixtureRequest, humble_sshd: PrivateSshd, tmp_path: Path
) -> Iterator[PrivateSshd]:
    """That account with GNU's tools, with BusyBox's, and one with SFTP only (root's, where the tests run as root)."""
    if request.param == "gnu":
        yield humble_sshd
        return
    if request.param == "busybox":
        if not BUSYBOX.exists():
            pytest.skip("needs busybox (apt install busybox-static)")
        dropped = " ".join([shutil.which("setpriv") or "setpriv", *_DROPPED[1:], ""])
        command = only(toolbox(tmp_path / "tools"), prefix=dropped if os.geteuid() == 0 else "")
    else:
        command = "internal-sftp"
    with PrivateSshd(tmp_path / "other-tools", force_command=command) as server:
        yield server


@pytest.mark.long
def test_folders(
    site: Site, any_sshd: PrivateSshd, application: Path, request: pytest.FixtureRequest
) -> None:
    kind = request.node.callspec.params["any_sshd"]
    missing, empty, plain = (application.parent / name for name in ("moodle", "empty", "plain"))
    empty.mkdir()
    plain.write_text("")
    deep = application / "uploads/2026/a/b/c"
    deep.mkdir(parents=True)
    (deep / "closed.pdf").write_text("closed")
    (deep / "shut").mkdir()
    outside = application.parent.parent / "lib"
    outside.mkdir()
    (outside / "data").write_text("data")
    (application / "outside").symlink_to(outside)
    (deep / "closed.pdf").chmod(0)
    (deep / "shut").chmod(0)
    site.add("siakad", any_sshd, [application, missing, empty, plain])
    try:
        both = side_by_side(site, f"folders of all kinds, {kind}")
        agree(site, both)
        details = "\n".join(one["detail"] for one in both.checked)
        for folder, reason in ((missing, "is missing"), (empty, "is empty"), (plain, "is not a folder")):
            assert f"{folder}: {reason}" in details
        if kind != "sftp":
            assert f"{deep}/closed.pdf: may not be read" in details
            assert f"{deep}/shut: may not be read" in details
            assert " ALL=(root) NOPASSWD: /" in details
            assert "/find, /" in details
            assert "/tar' > /etc/sudoers.d/tuibackup" in details
            assert "sudo = true in [servers.siakad]" in details
    finally:
        (deep / "shut").chmod(0o755)


@pytest.mark.long
def test_a_server_that_cannot_be_reached_or_trusted(
    site: Site, humble_sshd: PrivateSshd, application: Path, tmp_path: Path
) -> None:
    site.add("siakad", humble_sshd, [application], trusted=False)
    agree(site, side_by_side(site, "a host key that is not known"))
    site.trust(humble_sshd)
    good = site.servers["siakad"]
    site.servers["siakad"] = good.replace(f"port = {humble_sshd.port}", "port = 1")
    site.write_config()
    agree(site, side_by_side(site, "nobody listens"))
    site.servers["siakad"] = good.replace("folders", "sudo = true\nfolders")
    site.write_config()
    both = side_by_side(site, "sudo without a rule")
    if both.run.code:
        agree(site, both)
    other = tmp_path / "other_key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", other], check=True)
    site.servers["siakad"] = good.replace(str(humble_sshd.client_key), str(other))
    site.write_config()
    agree(site, side_by_side(site, "a key that the server does not take"))


@pytest.mark.long
def test_the_database(site: Site, humble_sshd: PrivateSshd, mariadbd: PrivateMariadb, tmp_path: Path) -> None:
    mariadbd.sql(
        "CREATE DATABASE IF NOT EXISTS periksa; CREATE OR REPLACE TABLE periksa.t (id INT PRIMARY KEY);"
        "CREATE OR REPLACE USER periksa@'%' IDENTIFIED BY 'right'; GRANT SELECT ON periksa.* TO periksa@'%'"
    )
    password = tmp_path / "password"
    password.write_text("wrong\n")
    password.chmod(0o600)

    lines = f'user = "periksa"\nsocket = "{mariadbd.socket}"\npassword_file = "{password}"\n'
    site.add("siakad", humble_sshd, [], database=lines)
    agree(
        site, side_by_side(site, "a wrong database password")
    )  # one that is not there: test_few_channels.py
    password.write_text("right\n")
    both = side_by_side(site, "rights that are missing")
    agree(site, both)
    grants = {line for one in both.checked for line in _grants(one["detail"])}
    assert len(grants) == 1, f"one statement, whole: {grants}"
    mariadbd.sql(grants.pop())
    both = side_by_side(site, "the same, once what check said was done")
    assert both.run.code == 0, both.run.out
    assert [one for one in both.checked if one["check"] != "vault"] == []
    mariadbd.sql("DROP USER periksa@'%'; DROP DATABASE periksa")


def _grants(detail: str) -> Iterator[str]:
    _before, found, rest = detail.partition("GRANT ")
    if found:
        yield found + rest.split(";")[0]
