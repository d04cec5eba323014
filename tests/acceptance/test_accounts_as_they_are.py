"""Accounts of a database as they are: they get in, or one line has the server's own words and the way out."""

import pytest

from tests.acceptance.site import Said, Site
from tests.conftest import MariadbStarter
from tests.database.certificate import tls_options
from tuibackup.demo.mariadbd import PrivateMariadb
from tuibackup.demo.sshd import PrivateSshd

ACCOUNTS = {
    "biasa": "IDENTIFIED BY 'kunci'",
    "bersandi": "IDENTIFIED BY 'kunci' REQUIRE SSL",
    "bersurat": "IDENTIFIED BY 'kunci' REQUIRE X509",
    "lewat": "IDENTIFIED BY 'kunci' PASSWORD EXPIRE",
    "kunci": "IDENTIFIED BY 'kunci' ACCOUNT LOCK",
    "kuno": "IDENTIFIED WITH mysql_old_password AS '5d2e19393cc5ef67'",
}
GRANT = "GRANT SELECT, SHOW DATABASES, SHOW VIEW, TRIGGER, EVENT, LOCK TABLES, RELOAD, PROCESS ON *.* TO"
LATIN1 = (
    "--character-set-server=latin1",
    "--collation-server=latin1_swedish_ci",
    "--skip-character-set-client-handshake",
    "--init-connect=SET NAMES latin1",
)


@pytest.fixture(scope="module")
def guarded(start_module_mariadb: MariadbStarter, tmp_path_factory: pytest.TempPathFactory) -> PrivateMariadb:
    """A server that offers TLS, speaks latin1 to whoever says nothing, and has accounts of all kinds."""
    server = start_module_mariadb(*tls_options(tmp_path_factory.mktemp("tls")), *LATIN1, tcp=True)
    made = "".join(f"CREATE USER {name}@'%' {how}; {GRANT} {name}@'%';\n" for name, how in ACCOUNTS.items())
    server.sql(
        "SET NAMES utf8mb4; CREATE DATABASE `perpustakaan_é` CHARACTER SET utf8mb4; USE `perpustakaan_é`;"
        " CREATE TABLE `büku` (`jüdul` VARCHAR(40)); INSERT INTO `büku` VALUES ('Ñoño'), ('☃');" + made
    )
    return server


def as_account(
    site: Site, sshd: PrivateSshd, server: PrivateMariadb, name: str, *, tcp: bool = False
) -> None:
    """The site's server logs in as `name`."""
    password = site.folder / "password"
    password.write_text("kunci\n")
    password.chmod(0o600)
    where = f'host = "127.0.0.1"\nport = {server.port}' if tcp else f'socket = "{server.socket}"'
    site.add("siakad", sshd, [], database=f'user = "{name}"\npassword_file = "{password}"\n{where}\n')


def dumped(said: Said) -> str:
    return str(said.finished["databases"]["outcome"])


@pytest.mark.parametrize("tcp", [False, pytest.param(True, marks=pytest.mark.long)], ids=["socket", "tcp"])
@pytest.mark.long
def test_an_account_that_must_use_tls_is_dumped_within_tls(
    site: Site, sshd: PrivateSshd, guarded: PrivateMariadb, tcp: bool
) -> None:
    as_account(site, sshd, guarded, "bersandi", tcp=tcp)
    said = site.tuibackup("run", "siakad", "--only", "databases", "--json")
    assert dumped(said) == "done", said.out
    back = site.tuibackup("restore", "siakad/databases/latest", "--to", str(site.folder / "back"))
    assert back.code == 0, back.err
    (sql,) = (site.folder / "back").glob("*.sql")
    assert "Ñoño" in sql.read_text()
    assert "`büku`" in sql.read_text()


@pytest.mark.long
def test_a_server_that_wants_tls_of_everybody_gets_it(
    site: Site, sshd: PrivateSshd, guarded: PrivateMariadb
) -> None:
    as_account(site, sshd, guarded, "biasa", tcp=True)
    guarded.sql("SET GLOBAL require_secure_transport = 1")
    try:
        said = site.tuibackup("run", "siakad", "--only", "databases", "--json")
    finally:
        guarded.sql("SET GLOBAL require_secure_transport = 0")
    assert dumped(said) == "done", said.out


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("bersurat", "(using password: YES); check user and password of [servers.siakad.database]"),
        pytest.param(
            "lewat",
            "You must SET PASSWORD before executing this statement; give the account a new password",
            marks=pytest.mark.long,
        ),
        pytest.param(
            "kunci",
            "Access denied, this account is locked; run there: ALTER USER kunci ACCOUNT UNLOCK",
            marks=pytest.mark.long,
        ),
        pytest.param(
            "kuno",
            "please change the password to the new format; give the account a new password; run there: ALTER USER kuno",
            marks=pytest.mark.long,
        ),
    ],
)
def test_who_is_not_let_in_reads_the_servers_words_and_the_way_out(
    site: Site, sshd: PrivateSshd, guarded: PrivateMariadb, name: str, words: str
) -> None:
    as_account(site, sshd, guarded, name)
    said = site.tuibackup("run", "siakad", "--only", "databases", "--json")
    assert words in said.finished["error"]
    assert said.finished["error"] in site.tuibackup("check", "siakad").out
