"""What a rebuild needs to know of a server is kept beside its snapshots, by the installed command and real servers.

And no secret of what lies around it: each planted one has PLANTED in it, and is looked for in all that the server sent.
"""
# ruff: noqa: E501 - files as they are

import hashlib
import json
import re
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.site import Site
from tests.planted import PlantedRoot
from tests.toolboxes import acting
from tuibackup.demo.mariadbd import PrivateMariadb, account
from tuibackup.demo.sshd import PrivateSshd

FILES = {
    "/etc/os-release": 'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nID=debian\nVERSION_ID="12"\n',
    "/etc/hostname": "siakad\n",
    "/var/lib/dpkg/status": "Package: nginx\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1.22.1-9\n\n"
    "Package: gone\nStatus: deinstall ok config-files\nArchitecture: all\nVersion: 1\n\n"
    "Package: libssl3\nStatus: install ok installed\nArchitecture: amd64\nVersion: 3.0.17\n",
    "/etc/apt/sources.list": "# deb http://PLANTED1@old/ x main\ndeb https://andi:PLANTED2@mirror.example/debian bookworm main\n"
    "deb https://repo.example/aB3dPLANTED3xyz99/deb stable main\n",
    "/etc/apt/sources.list.d/own.sources": "Types: deb\nURIs: https://u:PLANTED4/x@repo.example/own?key=PLANTED5\nSuites: stable\n"
    "Signed-By:\n PLANTED6\n",
    "/etc/yum.repos.d/own.repo": "[own]\nname=own\nbaseurl=https://u:PLANTED7@repo.example/el9\npassword=PLANTED8\n",
    "/etc/passwd": "root:PLANTED9:0:0:root PLANTED10:/root:/bin/sh\nwww-data:x:33:33::/var/www:/usr/sbin/nologin\n"
    "andi:$6$PLANTED11$x:1001:1001:Andi,,PLANTED12:/home/andi:/bin/sh\n",
    "/etc/group": "root:PLANTED13:0:\nwww-data:x:33:andi\n",
    "/etc/fstab": "UUID=1f2e-33ab / ext4 errors=remount-ro 0 1\n//nas/share /srv/nas cifs username=PLANTED15,password=PLANTED16,vers=3.0 0 0\n"
    "https://u:PLANTED17@dav.example/x /srv/dav davfs rw 0 0\nandi:PLANTED18@nas.example:/x /srv/ssh fuse.sshfs rw 0 0\n",
    "/etc/systemd/system/multi-user.target.wants/nginx.service": "",
    "/etc/systemd/system/api.service": "[Service]\nUser=www-data\nEnvironment=PW=PLANTED19 TOKEN=PLANTED20\nWorkingDirectory=/srv/api\n"
    "ExecStart=/usr/bin/env PW=PLANTED21 /srv/api/run --password PLANTED22 --token=PLANTED23\nExecStartPre=-/bin/sh -c 'PLANTED24'\n",
    "/srv/api/run": "#!/bin/sh\n",
    "/etc/supervisor/conf.d/q.conf": '[program:q]\ncommand=php artisan queue:work --key=PLANTED25\nenvironment=KEY="PLANTED26"\nuser=www-data\n',
    "/etc/crontab": "SHELL=/bin/sh\nPASS=PLANTED27\nMAILTO=it@example.ac.id\n"
    "17 * * * * root cd / && run-parts --report /etc/cron.hourly\n# 1 1 1 1 1 root PLANTED28\n",
    "/etc/cron.d/backup": "MYSQL_PWD='PLANTED29'\n30 2 * * * root mysqldump -u root -pPLANTED30 --password=PLANTED31 x > /srv/x.sql; curl -u u:PLANTED32 https://u:PLANTED33@h/?t=PLANTED34\n"
    "@daily www-data PW=PLANTED35 /srv/api/run PLANTED36 $(cat PLANTED37) `PLANTED38`\n* * * PLANTED39\n",
    "/var/spool/cron/crontabs/root": "5 4 * * 0 /usr/bin/env sh -c 'echo PLANTED40' | mail -s PLANTED41 x\n",
    "/etc/cron.daily/logrotate": "#!/bin/sh\necho PLANTED42\n",
    "/etc/nginx/nginx.conf": 'user www-data; http { include /etc/nginx/conf.d/*.conf; # PLANTED43\n map $http_authorization $ok { default 0; "Bearer PLANTED44" 1; root PLANTED45; }\n'
    ' proxy_set_header Authorization "Basic PLANTED46"; }\n',
    "/etc/nginx/sites-enabled/siakad": 'server { listen 443 ssl; server_name siakad.example; root "/var/www/siakad # x"; set $token "PLANTED47 ; root /x";\n'
    " location ~ \\.php$ { fastcgi_pass unix:/run/php/php8.2-fpm.sock; fastcgi_param DB_PASSWORD PLANTED48; }\n"
    ' location /hook/aB3dPLANTED49xyz99 { proxy_pass https://u:PLANTED50@127.0.0.1:3000/x?k=PLANTED51; if ($arg_key != "PLANTED52") { return 403 PLANTED53; } }\n'
    " auth_basic_user_file /etc/PLANTED54; ssl_password_file /etc/PLANTED55; rewrite ^/PLANTED56 /; server; content_by_lua_block { local k = 'PLANTED57'; root = 'PLANTED58' }\n"
    " client_max_body_size 64m; }\nupstream app { server 127.0.0.1:9000; server PLANTED59:1; }\n",
    "/etc/apache2/apache2.conf": 'ServerRoot "/etc/apache2"\nSetEnv DB_PASS PLANTED60\nDefine PW PLANTED61\n<VirtualHost *:80>\nServerName lms.example\nDocumentRoot /var/www/lms\n'
    'RewriteRule ^PLANTED62 /x\nRequestHeader set Authorization "Bearer PLANTED63"\nProxyPass /api https://u:PLANTED64@127.0.0.1:8080/\nAuthUserFile /PLANTED65\n'
    'php_value memory_limit 256M\nphp_admin_value mysqli.default_pw PLANTED66\nRequire\nRequire expr "%{HTTP:X} == \'PLANTED67\'"\nCustomLog "|/usr/bin/log PLANTED68" combined\n'
    'PassEnv PLANTED69 \\\nPLANTED70\n</VirtualHost>\n<If "%{QUERY_STRING} =~ /PLANTED71/">\n</If>\n<Macro M $pw>\n</Macro>\nUse M PLANTED72\n',
    "/etc/php/8.2/fpm/php.ini": '[PHP]\nmemory_limit = 512M ; PLANTED73\nupload_max_filesize=64M\nmysqli.default_pw = PLANTED74\nsession.save_path = "tcp://redis:6379?auth=PLANTED75"\n'
    "sendmail_path = msmtp --passwordeval PLANTED76\nsession.hash = PLANTED77\nopcache.preload_user=www-data\n",
    "/etc/php/8.2/fpm/pool.d/www.conf": '[www]\nuser = www-data\npm = dynamic\npm.max_children = 20\nenv[DB_PASSWORD] = PLANTED78\nphp_admin_value[memory_limit] = 256M\nphp_value[session.save_path] = "tcp://h?auth=PLANTED79"\nphp_value[auto_prepend_file] = PLANTED80\n',
    "/etc/nftables.conf": 'table inet filter { chain input {\n iifname "eth0" tcp dport 22 accept comment "PLANTED81 x PLANTED82"\n log prefix "PLANTED83 " drop\n} }\n',
    "/etc/iptables/rules.v4": '*filter\n-A INPUT -i eth0 -p tcp --dport 443 -m comment --comment PLANTED84 -j ACCEPT\n-A INPUT -m string --string "PLANTED85 y" -j DROP\nCOMMIT\n',
    "/etc/firewalld/zones/public.xml": '<zone>\n<short>PLANTED86</short>\n<service name="ssh"/>\n</zone>\n',
    "/etc/cron.hourly/x": "",
    "/srv/web/index.html": "x",
}


def facts(site: Site, clock: str = "files") -> dict[str, Any]:
    """The parts of the newest snapshot's, by name; what the page says of its form holds."""
    snapshot = site.snapshots("siakad", clock)[-1]
    text = (snapshot / "server.json").read_bytes()
    assert f"{hashlib.sha256(text).hexdigest()}  server.json" in (snapshot / "SHA256SUMS").read_text()
    document = json.loads(text)
    assert (document["format"], document["server"]) == (1, "siakad")
    return {part["name"]: part for part in document["parts"]}


@pytest.fixture(params=["root", pytest.param("busybox", marks=pytest.mark.long)])
def planted(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[PlantedRoot]:
    root = PlantedRoot(tmp_path / "planted", busybox=request.param == "busybox")
    for path, text in FILES.items():
        root.plant(path, text)
    with root.sshd:
        yield root


def test_facts_lie_beside_the_snapshot_and_no_secret_leaves_the_server(
    planted: PlantedRoot, site: Site
) -> None:
    site.settings = "[recover]\nfacts = true\n"
    site.add("siakad", planted.sshd, ["/srv/web"])
    said = site.tuibackup("run", "siakad")
    assert said.code == 0, said.out + said.err
    found = facts(site)
    told = "\n".join(line for part in found.values() for line in part["lines"])
    # Whole lines of passwd and group come from getent: the names of files' owners are looked up in them.
    sent = re.sub("root:PLANTED(9:0:0:root PLANTED10|13:0:)", "", planted.sent.read_text(errors="replace"))
    assert "PLANTED" not in told, [line for line in told.splitlines() if "PLANTED" in line]
    assert "PLANTED" not in sent, [line for line in sent.splitlines() if "PLANTED" in line]
    for wanted in (
        "PRETTY_NAME=Debian GNU/Linux 12 (bookworm)",
        "nginx 1.22.1-9 amd64",
        "deb https://...@mirror.example/debian bookworm main",
        "www-data:33:33:/var/www:/usr/sbin/nologin",
        "andi:1001:1001:/home/andi:/bin/sh",
        "www-data:33:andi",
        "//nas/share /srv/nas cifs username=...,password=...,vers=3.0",
        "nginx.service",
        "WorkingDirectory=/srv/api",
        "command=php ...",
        "17 * * * * root cd / && run-parts ... /etc/cron.hourly",
        "30 2 * * * root mysqldump ... > ...",
        "@daily www-data ... /srv/api/run ...",
        "daily /etc/cron.daily/logrotate",
        "server_name siakad.example",
        r"location ~ \.php$ {",
        "fastcgi_pass unix:/run/php/php8.2-fpm.sock",
        "client_max_body_size 64m",
        "server 127.0.0.1:9000",
        "<VirtualHost *:80>",
        "DocumentRoot /var/www/lms",
        "php_value memory_limit 256M",
        "memory_limit = 512M",
        "env[DB_PASSWORD] = ...",
        "pm.max_children = 20",
        "-A INPUT -i eth0 -p tcp --dport 443 -m comment --comment ... -j ACCEPT",
        'iifname "eth0" tcp dport 22 accept comment ...',
    ):
        assert wanted in told, f"{wanted}\n{told}"
    assert found["firewall"]["unread"] or found["firewall"]["lines"]
    assert site.tuibackup("verify", "siakad").code == 0


@pytest.mark.long
def test_a_program_that_hangs_delays_a_run_by_seconds_and_costs_its_part_alone(
    site: Site, application: Path, tmp_path: Path
) -> None:
    site.settings = "[recover]\nfacts = true\n"
    with acting(tmp_path / "slow", "ss", "exec sleep 600") as sshd:
        site.add("siakad", sshd, [application])
        began = time.monotonic()
        said = site.tuibackup("run", "siakad", "--json")
        assert time.monotonic() - began < 60
    assert said.finished["outcome"] == "done", said.out
    # The folders are listed meanwhile.
    times = {
        one["event"]: datetime.fromisoformat(one["time"])
        for one in said.events
        if one.get("step") != "connect"
    }
    assert (times["step-started"] - times["needs"]).total_seconds() < 2
    assert (times["step-finished"] - times["step-started"]).total_seconds() > 2
    found = facts(site)
    assert found["listening"]["unread"] == ["it did not end within 3 s"]
    assert found["packages"]["lines"]
    assert found["firewall"]["unread"] == ["none of nft, iptables-save, ufw and firewall-cmd here"]


@pytest.mark.long
def test_sftp_alone_and_an_account_that_may_read_little_say_what_is_missing(
    site: Site, application: Path, tmp_path: Path
) -> None:
    site.settings = "[recover]\nfacts = true\n"
    with PrivateSshd(tmp_path / "sftp", force_command="internal-sftp") as sshd:
        site.add("siakad", sshd, [application])
        assert site.tuibackup("run", "siakad").code == 0
        assert facts(site)["packages"]["unread"] == ["the server gives this account no shell"]
    planted = PlantedRoot(tmp_path / "planted", nobody=True)
    planted.plant("/srv/web/index.html")
    planted.plant("/var/spool/cron/crontabs/root").parent.chmod(0o700)
    planted.plant("/etc/nginx/conf.d/own.conf").chmod(0)
    with planted.sshd:
        site.add("siakad", planted.sshd, ["/srv/web"])
        assert site.tuibackup("run", "siakad").code == 0
    found = facts(site)
    assert found["crontabs"]["unread"] == [
        "ls: cannot open directory '/var/spool/cron/crontabs': Permission denied"
    ]
    assert found["web"]["unread"] == ["cat: /etc/nginx/conf.d/own.conf: Permission denied"]


@pytest.mark.long
def test_what_only_root_may_read_is_read_by_sudo(site: Site, tmp_path: Path) -> None:
    site.settings = "[recover]\nfacts = true\n"
    planted = PlantedRoot(tmp_path / "planted", sudo=True)
    planted.plant("/srv/web/index.html")
    planted.plant("/var/spool/cron/crontabs/root", "1 2 * * * /srv/web -pPLANTED\n").parent.chmod(0o700)
    planted.plant("/etc/nginx/nginx.conf", "worker_processes 4; x PLANTED;").chmod(0)
    with planted.sshd:
        site.add("siakad", planted.sshd, ["/srv/web"], extra="sudo = true\n")
        said = site.tuibackup("run", "siakad")
        assert said.code == 0, said.out + said.err
    found = facts(site)
    assert "1 2 * * * /srv/web ..." in found["crontabs"]["lines"]
    assert "worker_processes 4" in found["web"]["lines"]
    assert "PLANTED" not in planted.sent.read_text(errors="replace")


@pytest.mark.long
def test_settings_of_the_database_come_from_the_login_of_step_3(
    site: Site, sshd: PrivateSshd, mariadbd: PrivateMariadb
) -> None:
    site.settings = "[recover]\nfacts = true\n"
    mariadbd.sql(
        "CREATE DATABASE facts; CREATE TABLE facts.t (i INT); SET GLOBAL init_connect = 'SET @pw = \"PLANTED\"', GLOBAL max_connections = 77"
    )
    site.add("siakad", sshd, [], database=f'user = "{account()}"\nsocket = "{mariadbd.socket}"\n')
    said = site.dump()
    assert said.finished["outcome"] == "done", said.out
    part = facts(site, "databases")["database"]
    assert "max_connections = 77" in part["lines"]
    assert "PLANTED" not in json.dumps(part)
