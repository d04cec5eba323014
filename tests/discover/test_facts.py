"""What a rebuild needs to know, through a real sshd: of a server with a root folder of its own, and of this machine."""

import asyncio
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.discover.test_discover import connected, server_of
from tests.planted import PlantedRoot
from tuibackup.demo.sshd import PrivateSshd
from tuibackup.discover.facts import gather
from tuibackup.remote.probe import probe
from tuibackup.vault.facts import Part


async def told(sshd: PrivateSshd, folder: Path) -> dict[str, Part]:
    """The parts of a server by name."""
    async with await connected(server_of(sshd), folder) as session:
        parts = await gather(session, await probe(session), sudo=False)
    return {part.name: part for part in parts}


def package(name: str, kind: str, status: str = "install ok installed") -> str:
    """A stanza of dpkg's list."""
    return (
        f"Package: {name}\nStatus: {status}\nArchitecture: {kind}\nVersion: 1\nDescription: x\n Package: no\n"
    )


def automatic(name: str, kind: str, flag: int = 1) -> str:
    """A stanza of apt's list."""
    return f"Package: {name}\nArchitecture: {kind}\nAuto-Installed: {flag}\n"


PACKAGES = "\n".join(
    (
        package("zsh", "amd64"),
        package("libc6", "i386"),
        package("libc6", "amd64"),
        package("tzdata", "all"),
        package("adduser", "all"),
        package("dpkg", "amd64"),
        package("wine", "i386"),
        package("nginx", "amd64", "hold ok triggers-pending"),
        package("gone", "amd64", "deinstall ok config-files"),
        package("never", "amd64", "purge ok not-installed"),
    )
)


@pytest.fixture
def planted(tmp_path: Path) -> PlantedRoot:
    root = PlantedRoot(tmp_path / "planted")
    root.plant("/var/lib/dpkg/status", PACKAGES)
    return root


async def test_packages_count_as_chosen_that_apt_does_not_call_automatic_each_architecture_for_itself(
    planted: PlantedRoot, tmp_path: Path
) -> None:
    # The last stanza lacks its empty line, and the list is shorter than dpkg's.
    planted.plant(
        "/var/lib/apt/extended_states",
        "\n".join((automatic("libc6", "amd64"), automatic("zsh", "amd64", 0), automatic("tzdata", "amd64"))),
    )
    with planted.sshd as sshd:
        found = await told(sshd, tmp_path)
    assert found["chosen"].lines == ("adduser", "dpkg", "libc6:i386", "nginx", "wine:i386", "zsh")


@pytest.mark.parametrize("states", ["", None])
async def test_where_apt_knows_of_no_automatic_package_all_were_chosen(
    planted: PlantedRoot, tmp_path: Path, states: str | None
) -> None:
    if states is not None:
        planted.plant("/var/lib/apt/extended_states", states)
    with planted.sshd as sshd:
        found = await told(sshd, tmp_path)
    assert found["chosen"].lines == (
        "adduser", "dpkg", "libc6", "libc6:i386", "nginx", "tzdata", "wine:i386", "zsh",
    )  # fmt: skip
    assert not found["chosen"].unread


async def test_what_was_chosen_on_this_machine_is_what_apt_says(tmp_path: Path) -> None:
    if shutil.which("apt-mark") is None:
        pytest.skip("no apt here")
    marked = await asyncio.to_thread(
        subprocess.run, ["apt-mark", "showmanual"], capture_output=True, check=True, text=True
    )
    with PrivateSshd(tmp_path / "sshd") as sshd:
        found = await told(sshd, tmp_path)
    assert list(found["chosen"].lines) == sorted(marked.stdout.split())[:4000]


async def test_each_file_has_its_own_name_in_front_and_a_long_part_is_cut_and_says_so(
    planted: PlantedRoot, tmp_path: Path
) -> None:
    planted.plant("/etc/hostname", "siakad")  # no line's end
    for number in range(230):  # more than one awk gets
        planted.plant(f"/etc/nginx/conf.d/{number:03}.conf", f"root /srv/{number};\nset $x 1;\nset $y 'open")
    planted.plant("/etc/nginx/sites-enabled/empty", "# nothing\n")
    planted.plant("/etc/fstab", "".join(f"/dev/{number} /mnt/{number} ext4\n" for number in range(5000)))
    with planted.sshd as sshd:
        found = await told(sshd, tmp_path)
    assert "hostname=siakad" in found["system"].lines
    assert found["web"].lines == tuple(
        line
        for number in range(230)
        for line in (f"# /etc/nginx/conf.d/{number:03}.conf", f"root /srv/{number}", "(others: 1)")
    )
    assert len(found["mounts"].lines) == 4000
    assert found["mounts"].more
    assert not found["web"].more


async def test_a_java_is_told_by_the_file_beside_it_and_is_not_started(tmp_path: Path) -> None:
    home = tmp_path / "jdk-21"
    (home / "bin").mkdir(parents=True)
    (home / "bin" / "java").write_text("#!/bin/sh\necho started\n")
    (home / "bin" / "java").chmod(0o755)
    command = f"""PATH={home}/bin:$PATH; export PATH; exec sh -c "$SSH_ORIGINAL_COMMAND" """
    with PrivateSshd(tmp_path / "sshd", force_command=command) as sshd:
        assert "started" in (await told(sshd, tmp_path))["versions"].lines
        (home / "release").write_text(
            'IMPLEMENTOR="x"\nJAVA_VERSION="21.0.2"\nJAVA_RUNTIME_VERSION="21.0.2+13-LTS"\n'
        )
        found = await told(sshd, tmp_path)
    assert 'java version "21.0.2" (build 21.0.2+13-LTS)' in found["versions"].lines
    assert "started" not in found["versions"].lines
