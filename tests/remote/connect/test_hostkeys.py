"""A server is only who it is known to be: by the user's known_hosts, ours, an authority, or an operator's word."""

import subprocess
from pathlib import Path

import pytest

from tests.remote.conftest import Face, Site, a_server, make_key
from tuibackup.demo.sshd import PrivateSshd
from tuibackup.errors import ConnectError, HostKeyError, LoginError, NeedsOperatorError
from tuibackup.remote.connect import hostkeys
from tuibackup.remote.connect.hostkeys import HostKey, KnownHosts
from tuibackup.remote.session import learn_host_keys


def fingerprint(sshd: PrivateSshd, kind: str = "ed25519") -> str:
    said = subprocess.run(
        ["ssh-keygen", "-lf", sshd.folder / f"host_{kind}.pub"], check=True, capture_output=True, text=True
    )
    return said.stdout.split()[1]


def public(key: Path) -> str:
    return " ".join(Path(f"{key}.pub").read_text().split()[:2])


async def test_an_unknown_key_is_asked_about_and_remembered(site: Site, sshd: PrivateSshd) -> None:
    face = Face(host_key="yes")
    async with site.session(a_server(sshd), face) as session:
        assert session.host_key.algorithm == "ssh-ed25519"
        assert session.host_key.fingerprint == fingerprint(sshd)
    (question,) = face.asked
    assert not question.secret
    assert question.detail == (
        f"127.0.0.1 port {sshd.port} is not known yet. It shows the host key",
        f"ssh-ed25519 {fingerprint(sshd)}",
        "compare on its console: ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub",
    )
    assert site.known_hosts.read_text() == f"{sshd.known_hosts_lines[0]}\n"
    assert site.known_hosts.stat().st_mode & 0o777 == 0o600
    async with site.session(a_server(sshd), face):
        assert len(face.asked) == 1, "not asked again"


@pytest.mark.parametrize("face", [Face(), Face(host_key="no"), Face(host_key="y")])
async def test_an_unknown_key_is_refused_unless_the_answer_is_yes(
    site: Site, sshd: PrivateSshd, face: Face
) -> None:
    line = await site.refused(a_server(sshd), HostKeyError, face)
    assert line == (
        f"127.0.0.1 port {sshd.port}: its host key is not known: ssh-ed25519 {fingerprint(sshd)};"
        " tuibackup trust siakad"
    )
    assert not site.known_hosts.exists()


async def test_a_changed_host_key_is_refused_and_nobody_is_asked(
    site: Site, sshd: PrivateSshd, tmp_path: Path
) -> None:
    old = make_key(tmp_path / "old")
    site.known_hosts.parent.mkdir()
    site.known_hosts.write_text(f"[127.0.0.1]:{sshd.port} {public(old)}\n")
    face = Face(host_key="yes")
    line = await site.refused(a_server(sshd), HostKeyError, face)
    assert (
        f"127.0.0.1 port {sshd.port}: its host key has CHANGED: it shows ssh-ed25519 {fingerprint(sshd)}"
        in line
    )
    assert "tuibackup trust siakad" in line
    assert face.asked == []


async def test_a_host_known_by_another_kind_of_key_is_not_asked_about(
    site: Site, sshd: PrivateSshd, tmp_path: Path
) -> None:
    """An attacker could else evade "changed" by showing a key of a kind that is not known yet."""
    old = make_key(tmp_path / "old", kind="ecdsa")
    (site.home / ".ssh/known_hosts").write_text(f"[127.0.0.1]:{sshd.port} {public(old)}\n")
    face = Face(host_key="yes")
    line = await site.refused(a_server(sshd), HostKeyError, face)
    assert (
        f"its host key has CHANGED: it shows ssh-ed25519 {fingerprint(sshd)}, known is ecdsa-sha2-nistp256"
        in line
    )
    assert face.asked == []


async def test_of_several_host_keys_the_known_one_is_used(
    site: Site, sshd: PrivateSshd, tmp_path: Path
) -> None:
    kinds = ("ed25519", "ecdsa")
    with PrivateSshd(tmp_path / "many", client_key=sshd.client_key, host_key_types=kinds) as server:
        for line, kind in zip(server.known_hosts_lines, kinds, strict=True):
            (site.home / ".ssh/known_hosts").write_text(f"{line}\n")
            async with site.session(a_server(server)) as session:
                assert session.host_key.fingerprint == fingerprint(server, kind)


def hash_names(known_hosts: Path) -> None:
    subprocess.run(["ssh-keygen", "-q", "-H", "-f", known_hosts], check=True, capture_output=True)


async def test_the_users_known_hosts_count_also_when_hashed(site: Site, sshd: PrivateSshd) -> None:
    site.trust(sshd)
    hash_names(site.home / ".ssh/known_hosts")
    assert "127.0.0.1" not in (site.home / ".ssh/known_hosts").read_text()
    async with site.session(a_server(sshd)):
        pass
    assert not site.known_hosts.exists(), "what the user knows is not written again"


async def test_a_host_known_without_its_port_is_known_as_with_ssh(
    site: Site, sshd: PrivateSshd, tmp_path: Path
) -> None:
    key = sshd.known_hosts_lines[0].split(" ", 1)[1]
    (site.home / ".ssh/known_hosts").write_text(f"127.0.0.1 {key}\n")
    async with site.session(a_server(sshd)):
        pass
    # … and another machine behind another port of the same host is unknown, not changed
    (site.home / ".ssh/known_hosts").write_text(
        f"127.0.0.1 {public(make_key(tmp_path / 'k', kind='ecdsa'))}\n"
    )
    async with site.session(a_server(sshd), Face(host_key="yes")):
        pass


async def test_the_address_of_a_host_proves_nothing(site: Site, sshd: PrivateSshd) -> None:
    site.trust(sshd)  # under 127.0.0.1
    # 127.1 is the same address by another name, also where there is no /etc/hosts
    assert "127.1 port" in await site.refused(a_server(sshd, host="127.1"), HostKeyError)


async def test_a_host_key_alias_is_the_name_to_look_for(site: Site, sshd: PrivateSshd) -> None:
    site.ssh_config(f"Host gudang\n HostName 127.0.0.1\n Port {sshd.port}\n HostKeyAlias Storage\n")
    server = a_server(sshd, host="gudang", port=None)
    line = await site.refused(server, HostKeyError)
    assert line.startswith(f"gudang (127.0.0.1 port {sshd.port}): its host key is not known")
    async with site.session(server, Face(host_key="yes")):
        pass
    assert site.known_hosts.read_text().startswith("storage ssh-ed25519 ")
    async with site.session(server):
        pass


async def test_files_named_in_the_ssh_configuration_are_read(
    site: Site, sshd: PrivateSshd, tmp_path: Path
) -> None:
    (tmp_path / "mine").write_text(f"{sshd.known_hosts_lines[0]}\n")
    site.ssh_config(f"UserKnownHostsFile {tmp_path / 'mine'}\n")
    async with site.session(a_server(sshd)):
        pass


def certified(sshd: PrivateSshd, folder: Path, principal: str) -> tuple[Path, str]:
    """An authority, and the sshd_config line with which `sshd` shows its certificate."""
    authority = make_key(folder / "authority")
    subprocess.run(
        [
            "ssh-keygen",
            "-q",
            "-s",
            authority,
            "-I",
            "host",
            "-h",
            "-n",
            principal,
            folder / "host_ed25519.pub",
        ],
        check=True,
    )
    return authority, f"HostCertificate {folder / 'host_ed25519-cert.pub'}"


async def test_host_certificates(site: Site, sshd: PrivateSshd, tmp_path: Path) -> None:
    make_key(tmp_path / "host_ed25519")
    authority, line = certified(sshd, tmp_path, "127.0.0.1")
    known = site.home / ".ssh/known_hosts"
    with PrivateSshd(tmp_path, client_key=sshd.client_key, config=[line]) as server:
        known.write_text(f"@cert-authority * {public(authority)}\n")
        async with site.session(a_server(server)) as session:
            assert session.host_key.fingerprint == fingerprint(server)
        # of an authority that nobody knows: the plain key counts
        known.write_text("")
        assert fingerprint(server) in await site.refused(a_server(server), HostKeyError)
        site.trust(server)
        async with site.session(a_server(server)):
            pass
        # an authority is known but this server shows a plain key
        known.write_text(f"@cert-authority * {public(authority)}\n")
        assert fingerprint(sshd) in await site.refused(a_server(sshd), HostKeyError)


async def test_an_authority_counts_at_every_port(site: Site, sshd: PrivateSshd, tmp_path: Path) -> None:
    """ssh looks for the name without the port where it finds none with it."""
    make_key(tmp_path / "host_ed25519")
    authority, line = certified(sshd, tmp_path, "127.0.0.1")
    with PrivateSshd(tmp_path, client_key=sshd.client_key, config=[line]) as server:
        for pattern in ("127.0.0.1", "127.0.*", f"[127.0.0.1]:{server.port}"):
            (site.home / ".ssh/known_hosts").write_text(f"@cert-authority {pattern} {public(authority)}\n")
            async with site.session(a_server(server)):
                pass


async def test_known_hosts_that_are_none_or_nowhere(site: Site, sshd: PrivateSshd) -> None:
    site.trust(sshd)
    for files in ("none", "/dev/null", "~/.ssh/not-there"):
        site.ssh_config(f"UserKnownHostsFile {files}\n")
        assert "its host key is not known" in await site.refused(a_server(sshd), HostKeyError)


async def test_a_certificate_for_another_host_is_refused(
    site: Site, sshd: PrivateSshd, tmp_path: Path
) -> None:
    make_key(tmp_path / "host_ed25519")
    authority, line = certified(sshd, tmp_path, "elsewhere.example")
    (site.home / ".ssh/known_hosts").write_text(f"@cert-authority * {public(authority)}\n")
    with PrivateSshd(tmp_path, client_key=sshd.client_key, config=[line]) as server:
        said = await site.refused(a_server(server), HostKeyError, Face(host_key="yes"))
    assert said == (
        f"127.0.0.1 port {server.port}: its host key is not valid: Certificate principal mismatch"
    )


@pytest.mark.parametrize("name", ["[127.0.0.1]:{port}", "*", "127.0.0.1"])
async def test_a_revoked_key_is_refused_and_nobody_is_asked(site: Site, sshd: PrivateSshd, name: str) -> None:
    key = sshd.known_hosts_lines[0].split(" ", 1)[1]
    (site.home / ".ssh/known_hosts").write_text(f"@revoked {name.format(port=sshd.port)} {key}\n")
    face = Face(host_key="yes")
    line = await site.refused(a_server(sshd), HostKeyError, face)
    assert line == (
        f"127.0.0.1 port {sshd.port}: shows a host key that known_hosts has revoked; somebody may be listening in"
    )
    assert face.asked == []


async def test_broken_lines_of_known_hosts_are_noted_once_and_passed_over(
    site: Site, sshd: PrivateSshd
) -> None:
    site.trust(sshd)
    key = sshd.known_hosts_lines[0].split(" ", 1)[1]
    with (site.home / ".ssh/known_hosts").open("a") as file:
        file.write(f"@strange * {key}\n|1|x|y {key}\n# fine\nhost\nh ssh-new AAAA\n")
    with (site.home / ".ssh/known_hosts").open("ab") as file:
        file.write(b"\xff\xfe a b\n")
    async with site.session(a_server(sshd)):
        pass
    assert len(site.notes) == len(set(site.notes)) == 3
    assert all("known_hosts:" in note and "ignored" in note for note in site.notes)


def test_remembering_keeps_what_is_there(tmp_path: Path) -> None:
    path = tmp_path / "state/known_hosts"
    hostkeys.remember(path, "a", HostKey("ssh-ed25519", "", "AAAA"))
    path.write_text(path.read_text().rstrip("\n"))  # somebody edited it
    hostkeys.remember(path, "[b]:2", HostKey("ssh-rsa", "", "BBBB"))
    hostkeys.remember(path, "a", HostKey("ssh-ed25519", "", "AAAA"))
    assert path.read_text() == "a ssh-ed25519 AAAA\n[b]:2 ssh-rsa BBBB\n"
    path.unlink()
    path.mkdir()
    with pytest.raises(HostKeyError, match="known_hosts cannot be written"):
        hostkeys.remember(path, "a", HostKey("ssh-ed25519", "", "AAAA"))


@pytest.mark.parametrize(
    ("algorithm", "file"),
    [
        ("ssh-ed25519", "ed25519"),
        ("ssh-rsa", "rsa"),
        ("ecdsa-sha2-nistp256", "ecdsa"),
    ],
)
def test_the_console_command_names_the_file_of_that_kind(algorithm: str, file: str) -> None:
    command = hostkeys.console_command(HostKey(algorithm, ""))
    assert command == f"ssh-keygen -lf /etc/ssh/ssh_host_{file}_key.pub"


async def learn(site: Site, sshd: PrivateSshd, face: Face, **changes: object) -> None:
    async def nothing(source: object, question: object) -> None:
        raise AssertionError("no password is needed for a host key")

    await learn_host_keys(
        a_server(sshd, **changes),
        known_hosts=KnownHosts(site.known_hosts, lambda *_told: None),
        answers=face,
        secrets=nothing,
        deadline=float("inf"),
        notes=site.notes.append,
    )


async def test_trust_needs_no_login(site: Site, sshd: PrivateSshd, tmp_path: Path) -> None:
    face = Face(host_key="yes")
    await learn(site, sshd, face, key=tmp_path / "missing", user="nobody-there")
    assert face.kinds == ["host-key"]
    assert site.known_hosts.read_text() == f"{sshd.known_hosts_lines[0]}\n"


async def test_trust_never_accepts_a_changed_key(site: Site, sshd: PrivateSshd, tmp_path: Path) -> None:
    site.known_hosts.parent.mkdir()
    site.known_hosts.write_text(f"[127.0.0.1]:{sshd.port} {public(make_key(tmp_path / 'old'))}\n")
    with pytest.raises(HostKeyError, match="CHANGED"):
        await learn(site, sshd, Face(host_key="yes"))


async def test_a_host_key_comes_before_any_secret(site: Site, sshd: PrivateSshd, tmp_path: Path) -> None:
    """A passphrase is not asked for, and no key is shown, before we know whom we talk to."""
    key = make_key(tmp_path / "locked", "secret")
    face = Face()
    await site.refused(a_server(sshd, key=key), HostKeyError, face)
    assert face.kinds == ["host-key"]


def test_the_errors_are_of_step_one() -> None:
    assert issubclass(HostKeyError, ConnectError)
    assert issubclass(LoginError, ConnectError)
    assert not issubclass(NeedsOperatorError, ConnectError)
