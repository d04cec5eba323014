# ruff: noqa: E501  each case is one line

import pytest

from tests.config.texts import HEAD, read, refusals, server_refusals


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "c.toml: vault.path: is missing; name the folder of the backup disk"),
        (HEAD + "[servers.a]\nhost = 'h'\nfolder = ['/x']", "c.toml:5: servers.a.folder: unknown key; did you mean folders?"),
        (HEAD + "[runs]\n", "c.toml:3: runs: unknown key; did you mean run?"),
        (HEAD + "[xylophone]\n", "c.toml:3: xylophone: unknown key; known here: language, theme"),
        (HEAD + "language = 'id'", "c.toml:3: vault.language: unknown key here; language belongs at the top of the file"),
        (HEAD + "parallel = 2", "c.toml:3: vault.parallel: unknown key here; it belongs into [run]"),
        (HEAD + "[servers.a.database]\nsockets = '/x'", "c.toml:4: servers.a.database.sockets: unknown key; did you mean socket?"),
        ("language = 'fr'\n" + HEAD, 'c.toml:1: language: "fr" is none of "en", "id"'),
        ("language = 3\n" + HEAD, "c.toml:1: language: must be text in quotes"),
        ("mouse = 'yes'\n" + HEAD, "c.toml:1: mouse: must be true or false, without quotes"),
        ("theme = '../x'\n" + HEAD, "c.toml:1: theme: is no name of a theme"),
        ("operators = 'Andi'\n" + HEAD, 'c.toml:1: operators: must be a list of texts: ["…", "…"]'),
        ("operators = ['Andi', 'Andi']\n" + HEAD, 'c.toml:1: operators: "Andi" is there twice'),
        ("operators = [' Andi']\n" + HEAD, 'c.toml:1: operators: " Andi" is no name to choose from'),
        ("state = 'here'\n" + HEAD, 'c.toml:1: state: "here" is relative; begin it with "/" or "~/"'),
        ("state = '~nobody-of-that-name/x'\n" + HEAD, "c.toml:1: state:"),
        ("vault = 3", "c.toml:1: vault: must be a table; write it as [vault]"),
        ("[vault]\npath = 'backup'", 'c.toml:2: vault.path: "backup" is relative; begin it with "/" or "~/"'),
        ("[vault]\npath = ''", "c.toml:2: vault.path: must not be empty"),
        ("[vault]\nmin_free = '10%'", "c.toml:1: vault.path: is missing"),
        (HEAD + "min_free = '100%'", 'c.toml:3: vault.min_free: "100%" is no room on a disk; write it as "10%"'),
        (HEAD + "min_free = 10", "c.toml:3: vault.min_free: must be text in quotes"),
        (HEAD + "full_every = '3 moons'", 'c.toml:3: vault.full_every: "3 moons" is no period of time; write it as "10 days"'),
        (HEAD + "[sop]\nlogin_within = '5'", 'c.toml:4: sop.login_within: "5" is no span of time; write it as "90 seconds"'),
        (HEAD + "[sop]\nlogin_within = '2 days'", 'c.toml:4: sop.login_within: "2 days" is not between 1 second and 1 day'),
        (HEAD + "[run]\nparallel = 0", "c.toml:4: run.parallel: must be a whole number from 1 to 64, without quotes"),
        (HEAD + "[run]\nparallel = true", "c.toml:4: run.parallel: must be a whole number"),
        (HEAD + "[run]\nbandwidth = ['20 Mbit']", 'c.toml:4: run.bandwidth: "20 Mbit" is no bandwidth; write it as "20 MB/s" or'),
        (HEAD + "[run]\nbandwidth = ['08:00-25:00 2 MB/s']", "c.toml:4: run.bandwidth: "),
        (HEAD + "[ledger]\nurl = 'postgres://x'", "c.toml:4: ledger.url: must begin with sqlite:///, mysql:// or mariadb://"),
        (HEAD + "[ledger]\nurl = 'sqlite:///x'", "c.toml:4: ledger.url: must be an absolute path"),
        (HEAD + "[keymap]\nquit = 1", "c.toml:4: keymap.quit: must be text in quotes"),
        (HEAD + "[servers]\na = 1", "c.toml:4: servers.a: must be a table; write it as [servers.a]"),
    ],
)  # fmt: skip
def test_a_mistake_is_told_with_file_line_key_and_way_out(text: str, message: str) -> None:
    assert any(line.startswith(message) for line in refusals(text)), refusals(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("folders = ['/x']", "c.toml:3: servers.a.host: is missing"),
        ("host = 'h'", "c.toml:3: servers.a: has nothing to back up; add folders"),
        ("host = 'h'\nfolders = []", "c.toml:3: servers.a: has nothing to back up"),
        ("host = 'root@h'", 'c.toml:4: servers.a.host: "root@h" has a user in it; put that into user'),
        ("host = 'h:22'", 'c.toml:4: servers.a.host: "h:22" has a port in it; put that into port'),
        ("host = '-oProxyCommand=x'", "c.toml:4: servers.a.host: "),
        ("host = 'a b'", "c.toml:4: servers.a.host: "),
        ("host = '[::1]:22'", 'c.toml:4: servers.a.host: "[::1]:22" has a port in it; put that into port'),
        ("host = 'a:b'", 'c.toml:4: servers.a.host: "a:b" is no host name'),
        ("host = 'ssh://h:22'", 'c.toml:4: servers.a.host: "ssh://h:22" is a web address; write only the name of the host'),
        ("host = 'h'\nport = 65536", "c.toml:5: servers.a.port: must be a whole number from 1 to 65535"),
        ("host = 'h'\nport = '22'", "c.toml:5: servers.a.port: must be a whole number from 1 to 65535, without quotes"),
        ("host = 'h'\nuser = '-x'", 'c.toml:5: servers.a.user: "-x" is no name of an account'),
        ("host = 'h'\nuser = 'andi:geheim'", "c.toml:5: servers.a.user: has a colon in it; put a password into"),
        ("host = 'h'\njump = ['a', 'b:x']", 'c.toml:5: servers.a.jump: "b:x" is no jump host'),
        ("host = 'h'\njump = '[a]'", 'c.toml:5: servers.a.jump: "[a]" is no jump host; in brackets stands an IPv6 address'),
        ("host = 'h'\njump = 'a,,b'", 'c.toml:5: servers.a.jump: "" is no jump host'),
        ("host = 'h'\njump = 'a:0'", 'c.toml:5: servers.a.jump: "a:0" is no jump host'),
        ("host = 'h'\njump = '-x'", "c.toml:5: servers.a.jump: "),
        ("host = 'h'\nlabel = \"x\\u202e\"", "c.toml:5: servers.a.label: must be at most 60 printable"),
        ('host = "h"\nlabel = "x\\ny"', "c.toml:5: servers.a.label: must not contain line breaks"),
        ("host = 'h'\nkey = 'id_ed25519'", 'c.toml:5: servers.a.key: "id_ed25519" is relative'),
        ("host = 'h'\nfolders = ['www']", 'c.toml:5: servers.a.folders: "www" is relative; name the folder with its full path'),
        ("host = 'h'\nfolders = ['~/www']", 'c.toml:5: servers.a.folders: "~/www" is relative'),
        ("host = 'h'\nfolders = ['/x/../y']", 'c.toml:5: servers.a.folders: "/x/../y" contains ".."'),
        ("host = 'h'\nfolders = ['/a', '/a/']", 'c.toml:5: servers.a.folders: "/a" is there twice'),
        ("host = 'h'\nfolders = ['/x']\nexclude = ['//']", 'c.toml:6: servers.a.exclude: "//" names nothing'),
        ("host = 'h'\nfolders = ['/x']\nexclude = ['a', 'a//b']", 'c.toml:6: servers.a.exclude: "a//b" has an empty, "." or ".." part'),
        ("host = 'h'\nfolders = ['/x']\nexclude = ['../x']", 'c.toml:6: servers.a.exclude: "../x" has an empty'),
        ("host = 'h'\nfolders = ['/x']\nexclude = ['a/../b']", 'c.toml:6: servers.a.exclude: "a/../b" has an empty'),
        ("host = 'h'\nfolders = ['/x']\nexclude = ['./']", 'c.toml:6: servers.a.exclude: "./" has an empty'),
        ("host = 'h'\nfolders = ['/x']\nexclude = ['[é]']", 'c.toml:6: servers.a.exclude: "[é]": only plain letters'),
        ("host = 'h'\nfolders = ['/x']\nexclude = ['[z-a].log']", 'c.toml:6: servers.a.exclude: "[z-a].log" has a set that matches nothing'),
        ("host = 'h'\nfolders = ['/x']\nexclude = ['/y/cache']", 'c.toml:6: servers.a.exclude: "/y/cache" lies in none of the folders; begin it with'),
        ("host = 'h'\nfolders = ['/x']\nexclude = ['/x/']", 'c.toml:6: servers.a.exclude: "/x/" is a whole folder; take it out'),
        ("host = 'h'\nfolders = ['/a', 3]", "c.toml:5: servers.a.folders: must be text in quotes"),
        ("host = 'h'\npassword_file = '/p'\nprompt = true", "c.toml:6: servers.a.prompt: there is also password_file"),
        ("host = 'h'\noption_file = '~/.my.cnf'", "c.toml:5: servers.a.option_file: unknown key"),
        ("host = 'h'\n[servers.a.database]\nsocket = '/s'\nhost = 'h'", "c.toml:7: servers.a.database.host: there is also socket"),
        ("host = 'h'\n[servers.a.database]\nport = 3306", "c.toml:6: servers.a.database.port: there is no host"),
        ("host = 'h'\n[servers.a.database]\nsocket = 's'", 'c.toml:6: servers.a.database.socket: "s" is relative; name the socket'),
        ("host = 'h'\n[servers.a.database]\noption_file = '.my.cnf'", "c.toml:6: servers.a.database.option_file:"),
        ("host = 'h'\n[servers.a.database]\npassword_command = 'x'\noption_file = '/x'", "c.toml:7: servers.a.database.option_file: there is also password_command"),
    ],
)  # fmt: skip
def test_a_mistake_about_a_server_is_told_with_its_line(text: str, message: str) -> None:
    assert any(line.startswith(message) for line in server_refusals(text)), server_refusals(text)


@pytest.mark.parametrize("key", ["password", "Password", "passphrase", "passwd"])
@pytest.mark.parametrize("table", ["", "[servers.a.database]\n"])
def test_a_plain_password_is_refused_with_the_reason_and_not_repeated(key: str, table: str) -> None:
    message = "\n".join(server_refusals(f"host = 'h'\n{table}{key} = 'hunter2'"))
    assert "this file must not hold a password; use password_file, password_command or prompt" in message
    assert "hunter2" not in message


@pytest.mark.parametrize(
    "url", ["mysql://u:hunter2@db/x", "postgres://u:hunter2@db", "sqlite://u:hunter2@/x"]
)
def test_a_password_in_the_ledgers_url_is_refused_and_not_repeated(url: str) -> None:
    assert "hunter2" not in "".join(refusals(HEAD + f"[ledger]\nurl = '{url}'"))


def test_a_ledger_url_of_mariadb_is_accepted_as_a_seam() -> None:
    assert read(HEAD + "[ledger]\nurl = 'mariadb://ledger@db/tuibackup'").ledger_url.startswith("mariadb")
