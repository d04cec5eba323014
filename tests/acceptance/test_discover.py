"""What a server has and no backup holds, through the installed command and a real sshd with a root of its own."""
# ruff: noqa: E501 - files as they are

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.site import Site
from tests.planted import PlantedRoot

# Each has PLANTED in it, and a number.
FILES = {
    "/etc/nginx/nginx.conf": """http { include sites/*;
        proxy_set_header Authorization "Basic PLANTED1"; # root /PLANTED2;
        server { server_name lms.example; root /var/www/lms; set $password PLANTED3; set $site blog;
          location /blog { root /srv/$site; fastcgi_param DB_PASS 'PLANTED4'; auth_basic_user_file /etc/PLANTED5; }
        } }""",
    "/etc/nginx/sites/upstream": "upstream x { server PLANTED6:80; }",
    "/etc/apache2/apache2.conf": """Define PASSWORD PLANTED7
        <Macro M $root $pw>
        <VirtualHost *>
        DocumentRoot $root
        SetEnv PW $pw
        </VirtualHost>
        </Macro>
        Use M /srv/macro PLANTED8
        SetEnv DB "PLANTED9"
        RewriteRule PLANTED10 /srv
        """,
    "/srv/macro/index.html": "",
    "/var/www/lms/lib/moodlelib.php": "",
    "/var/www/lms/config.php": "<?php  unset($CFG); $CFG->dbtype = 'mariadb'; $CFG->dbhost = 'localhost';\r\n"
    "$CFG->dbname = 'moodle'; $CFG->dbuser = 'PLANTED11'; $CFG->dbpass = 'PLANTED12';\r\n"
    "// $CFG->dbname = 'PLANTED13';\r\n$CFG->dataroot = '/srv/moodledata';\r\n",
    "/srv/moodledata/filedir/ab/cd": "x" * 3000,
    "/srv/moodledata/localcache/x": "",
    "/srv/moodledata/sessions/sess_PLANTED14": "",
    "/srv/blog/blog/wp-config.php": """<?php
        /* define( 'DB_NAME', 'PLANTED15' );
           define( 'DB_PASSWORD', 'PLANTED16' ); */
        define( 'DB_NAME', 'blog' ); define( 'DB_USER', 'u' ); define('DB_PASSWORD', 'PLANTED17'); # PLANTED18
        define('AUTH_KEY', <<<'EOT'
        define('DB_NAME', 'PLANTED19');
        EOT
        );
        define("SECRET", "PLANTED20 'DB_NAME', 'PLANTED21'");
        """,
    "/srv/blog/blog/wp-content/cache/page": "",
    "/srv/ojs/config.inc.php": "; <?php exit();\n[general]\nsalt = PLANTED22\n[database]\ndriver = mysqli\nhost = localhost\n"
    "username = ojs\npassword = PLANTED23\nname = ojs\n; name = PLANTED24\n[files]\nfiles_dir = /srv/ojs-files\n"
    "[email]\nname = PLANTED25\nsmtp_password = PLANTED26\n",
    "/srv/ojs-files/journals/1/article.pdf": "x" * 100,
    "/srv/api/artisan": "",
    "/srv/api/.env": "DB_CONNECTION=mysql\nDB_DATABASE=\nDATABASE_URL=mysql://u:PLANTED27/PLANTED28@PL@127.0.0.1/api?p=PLANTED29\n"
    "DB_PASSWORD=\"PLANTED30\"\n# DB_DATABASE=PLANTED31\nMAIL_URL=smtp://u:PLANTED32@h/PLANTED33\n",
    "/srv/api/config/database.php": "<?php return ['default' => ['database' => getenv('DB') ?: 'api2', 'password' => 'PLANTED34'],"
    " 'redis' => ['password' => 'PLANTED35', 'database' => '0']];",
    "/srv/ci/system/core/CodeIgniter.php": "",
    "/srv/ci/application/config/database.php": "<?php $db['default'] = array('dsn'=>'','hostname'=>'localhost','username'=>'PLANTED36',"
    "'password'=>'PLANTED37','database'=>'simak','dbdriver'=>'mysqli');\n$db['x']['database'] = \"arsip\"; $db['x']['password']=\"PLANTED38\";",
    "/srv/cloud/occ": "",
    "/srv/cloud/config/config.php": "<?php $CONFIG = array ( 'passwordsalt' => 'PLANTED39', 'datadirectory' => '/srv/clouddata', 'dbname' =>\n"
    " 'cloud', 'dbhost' => 'db.example:3306', 'dbpassword' => 'PLANTED40', );",
    "/srv/clouddata/andi/files/a": "",
    "/srv/wiki/LocalSettings.php": "<?php $wgDBtype = \"mysql\";\n$wgDBserver = \"localhost\";\n$wgDBname = \"wiki\";\n"
    "$wgDBuser = \"u\";\n$wgDBpassword = \"PLANTED57\";\n$wgUploadDirectory = '/srv/wiki-files';\n",
    "/srv/wiki-files/a/ab/foto.jpg": "",
    "/srv/dspace/config/dspace.cfg": "dspace.dir = /srv/dspace\nassetstore.dir = ${dspace.dir}/assetstore\n",
    "/srv/dspace/config/local.cfg": "db.url = jdbc:postgresql://localhost:5432/dspace\ndb.password = PLANTED41\n"
    "assetstore.dir = /data/assetstore\n",
    "/data/assetstore/11/22/33": "",
    "/srv/slims/sysconfig.inc.php": "<?php define('DB_NAME', 'slims'); define('DB_PASSWORD', 'PLANTED42');",
    "/srv/stack/compose.yaml": "services:\n  db:\n    environment:\n      - DATABASE_URL=mysql://u:PLANTED43@db/x\n"
    "      MYSQL_PASSWORD: PLANTED44\n    command: ['--password=PLANTED45:/x']\n    volumes: [\"./data:/var/lib/mysql\"]\n"
    "    secrets: [PLANTED46]\n  web:\n    volumes:\n      - ${UPLOADS}:/uploads # PLANTED47\n      - /srv/bound:/b:ro\n",
    "/srv/stack/.env": "UPLOADS=/srv/uploads\nPW=/PLANTED48\n",
    "/srv/stack/data/ibdata1": "",
    "/srv/uploads/a": "",
    "/srv/bound/a": "",
    "/etc/systemd/system/api.service": "[Service]\nEnvironment=PW=PLANTED49\nWorkingDirectory=/opt/worker\n"
    "ExecStart=/usr/bin/env PW=PLANTED50 /opt/worker/run --password /PLANTED51\n",
    "/opt/worker/run": "",
    "/etc/supervisor/conf.d/q.conf": "[program:q]\nenvironment=PW=\"PLANTED52\"\ndirectory=/opt/queue\ncommand=/opt/queue/bin/q -p PLANTED53\n",
    "/opt/queue/bin/q": "",
    "/etc/userdatadomains": "c.example: c==root==main==c.example==/home/c/public_html==1.2.3.4:80==PLANTED54\n",
    "/home/c/public_html/index.html": "",
    "/usr-local": "",
    "/etc/webmin/virtual-server/domains/17": "dom=v.example\npass=PLANTED55\nhome=/home/v\ndb_mysql=vdb\nmysql_pass=PLANTED56\n",
    "/home/v/public_html/i": "",
}  # fmt: skip
UNPROTECTED = {
    "/data/assetstore", "/home/c/public_html", "/home/v", "/opt/queue", "/opt/worker", "/srv/api", "/srv/blog",
    "/srv/bound", "/srv/ci", "/srv/cloud", "/srv/clouddata", "/srv/dspace", "/srv/macro", "/srv/moodledata",
    "/srv/ojs", "/srv/ojs-files", "/srv/slims", "/srv/stack", "/srv/uploads", "/srv/wiki", "/srv/wiki-files",
}  # fmt: skip


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PlantedRoot]:
    root = PlantedRoot(tmp_path_factory.mktemp("planted"))
    for path, text in FILES.items():
        root.plant(path, text)
    with root.sshd:
        yield root


@pytest.fixture
def configured(site: Site, planted: PlantedRoot) -> Site:
    site.add("lms", planted.sshd, ["/var/www/lms"])
    return site


def test_all_that_no_backup_holds_is_found_and_no_password_comes_over_the_line(
    configured: Site, planted: PlantedRoot
) -> None:
    planted.sent.write_bytes(b"")
    said = configured.tuibackup("discover", "lms", "--json")
    assert said.code == 0, (said.err, said.out)
    found = said.json
    folders = {one["name"] for one in found["unprotected"] if one["kind"] == "folder"}
    assert folders == UNPROTECTED
    databases = {one["name"]: one["reason"] for one in found["unprotected"] if one["kind"] == "database"}
    names = ("api", "arsip", "blog", "moodle", "ojs", "simak", "slims", "vdb", "wiki")
    assert databases == dict.fromkeys(names, "no-database") | {"dspace": "other-kind"}
    assert [one["name"] for one in found["elsewhere"]] == ["cloud"]
    told = {one["name"]: one["application"] for one in found["databases"]}
    assert (told["cloud"], told["moodle"], told["wiki"]) == ("Nextcloud", "Moodle", "MediaWiki")
    (data,) = [one["folder"] for one in found["unprotected"] if one["name"] == "/srv/moodledata"]
    assert (data["application"], data["files"], data["what"]) == ("Moodle", 3, "data")
    assert set(data["exclude"]) == {"/srv/moodledata/localcache/**", "/srv/moodledata/sessions/**"}
    sent = planted.sent.read_bytes()
    assert b"moodledata" in sent
    leaked = [number for number in range(60) if f"PLANTED{number}".encode() in sent]
    assert leaked == [], sent[max(0, sent.find(b"PLANTED") - 300) : sent.find(b"PLANTED") + 50]


REFUSED = (
    (("/srv/macr",), "/srv/macr is not among what is unprotected on lms; did you mean /srv/macro?"),
    (("nothing",), "nothing is not among what is unprotected on lms; tuibackup discover lms lists it"),
    (("/srv/macro", "--take-back"), "/srv/macro was not accepted on lms; tuibackup discover lms lists it"),
    (
        ("/srv/macro", "--owner", " "),
        "a reason and an owner are needed; say why it needs no backup: --reason TEXT",
    ),
)


@pytest.mark.long
def test_what_is_accepted_or_added_is_unprotected_no_more(configured: Site) -> None:
    before = configured.tuibackup("status")
    assert "nobody has looked for what no backup holds on: lms" in before.out
    assert configured.tuibackup("status", "--json").json["servers"][0]["coverage"]["looked"] is None
    configured.tuibackup("discover", "lms")
    assert "unprotected: /data/assetstore (data of DSpace)" in configured.tuibackup("status").out
    for words, line in REFUSED:
        said = configured.tuibackup("accept", "lms", *words, "--reason", "r")
        assert (said.code, said.err) == (2, f"tuibackup: {line}\n")

    said = configured.tuibackup("accept", "lms", "/srv/macro", "--reason", "a test site", "--owner", "Siti")
    assert (said.code, said.out) == (0, "√ /srv/macro of lms needs no backup: a test site (Siti)\n")
    said = configured.tuibackup("accept", "lms", "ojs", "--reason", "on another server now")
    assert said.code == 0, said.err
    configured.config.write_text(
        configured.config.read_text().replace('"/var/www/lms"', '"/var/www/lms", "/srv"')
    )
    (server,) = configured.tuibackup("status", "--json").json["servers"]
    assert server["coverage"]["age-days"] == 0
    left = {one["name"] for one in server["coverage"]["unprotected"] if one["kind"] == "folder"}
    assert left == {name for name in UNPROTECTED if not name.startswith("/srv")}
    assert {one["name"] for one in server["coverage"]["accepted"]} == {
        "ojs"
    }  # the other is in the backup now

    assert configured.tuibackup("accept", "lms", "ojs", "--take-back", "--reason", "it came back").code == 0
    again = configured.tuibackup("discover", "lms", "--json").json
    assert "ojs" in {one["name"] for one in again["unprotected"]}
    assert again["accepted"] == []
    log = configured.tuibackup("log", "--json").json
    assert [one["kind"] for one in log if one["kind"] in ("config", "discover")] == [
        "discover", "config", "config", "config", "config", "discover",  # one of a folder that was added by hand
    ]  # fmt: skip


@pytest.mark.long
def test_a_run_looks_once_a_week(configured: Site) -> None:
    configured.settings = '[discover]\nevery = "1 week"\n'
    configured.write_config()
    for _time in range(2):
        assert configured.tuibackup("run", "lms").code == 0
    kinds = [one["kind"] for one in configured.tuibackup("log", "--json").json]
    assert kinds.count("discover") == 1
    (server,) = configured.tuibackup("status", "--json").json["servers"]
    assert len(server["coverage"]["unprotected"]) > 20
    assert json.dumps(server["coverage"])


@pytest.mark.long
def test_a_server_that_gives_only_sftp_is_told_in_one_line(site: Site, tmp_path: Path) -> None:
    from tuibackup.demo.sshd import PrivateSshd

    with PrivateSshd(tmp_path / "sftp", force_command="internal-sftp") as sshd:
        site.add("files", sshd, ["/srv"])
        said = site.tuibackup("discover", "files")
    assert said.code == 1
    assert said.err.startswith("tuibackup: files: this cannot be found out over SFTP alone: ")
    assert said.err.count("\n") == 1
