"""What is found on a server with a root folder of its own, through a real sshd."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.planted import PlantedRoot
from tuibackup.config import Server
from tuibackup.demo.sshd import PrivateSshd
from tuibackup.discover.discover import discover
from tuibackup.discover.found import Discovery
from tuibackup.remote.connect.hostkeys import KnownHosts
from tuibackup.remote.probe import probe
from tuibackup.remote.questions import Question
from tuibackup.remote.session import Session, connect


class _Yes:
    async def ask(self, question: Question) -> str | None:
        return "yes"


def server_of(sshd: PrivateSshd, **settings: Any) -> Server:
    """What a configuration says of it."""
    return Server("s", sshd.host, port=sshd.port, user=sshd.user, key=sshd.client_key, **settings)


async def connected(server: Server, folder: Path) -> Session:
    """A connection to a server that is started."""

    async def secrets(*_: object, **__: object) -> None:
        return None

    return await connect(
        server,
        known_hosts=KnownHosts(folder / "known_hosts", lambda *_: None),
        answers=_Yes(),
        secrets=secrets,
        deadline=time.monotonic() + 60,
        notes=lambda _: None,
    )


async def looked(planted: PlantedRoot, folder: Path, **settings: Any) -> Discovery:
    """One look at the server of `planted`, which is started."""
    server = server_of(planted.sshd, **settings)
    async with await connected(server, folder) as session:
        return await discover(session, await probe(session), server)


@pytest.fixture
def planted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PlantedRoot]:
    root = PlantedRoot(tmp_path_factory.mktemp("planted"))
    with root.sshd:
        yield root


NGINX = r"""
# root /old/site;
http {
  map $host $docroot { default /var/www/mapped; }
  include /etc/nginx/conf.d/*.conf; include sites-enabled/*;
  root /var/www/inherited;
  server { root /var/www/$host/public; }
}
"""
KAMPUS = """server { server_name _ kampus.example; set $base "/var/www/kampus"; root $base/public;\r
  location /files { alias "/srv/files dir/" ; } location /new { alias '/srv/new
line'; }
  location /dyn { root $docroot; } location /missing { root /srv/missing; }
  location ~ .php$ { fastcgi_param SCRIPT_FILENAME /srv/php/app$fastcgi_script_name; }
  content_by_lua_block { local x = "root '/srv/lua'; don't { }" }
  location /many { root
     /srv/multi ; # root /srv/comment;
  }
  location /relative { root html; } location /usr { alias /usr/share/javascript/; }
}
"""


async def test_what_nginx_serves(planted: PlantedRoot, tmp_path: Path) -> None:
    planted.plant("/etc/nginx/nginx.conf", NGINX)
    planted.plant("/etc/nginx/sites-available/kampus", KAMPUS)
    planted.link("/etc/nginx/sites-enabled/kampus", "../sites-available/kampus")
    planted.link("/etc/nginx/sites-enabled/dangling", "nowhere")
    planted.plant("/etc/nginx/conf.d/circle.conf", "include conf.d/*.conf;\ninclude ../nginx/nginx.conf;\n")
    for path in (
        "/var/www/mapped/a", "/var/www/inherited/a", "/var/www/kampus/public/a", "/srv/files dir/a", "/srv/new\nline/a",
        "/srv/php/app/a", "/srv/multi/a", "/srv/comment/a", "/srv/lua/a", "/old/site/a",
    ):  # fmt: skip
        planted.plant(path)
    found = await looked(planted, tmp_path)
    assert found.cut == found.unread == ()
    assert {one.path: one.named_by for one in found.folders} == {
        "/srv/files dir": ("nginx kampus.example",),
        "/srv/multi": ("nginx kampus.example",),
        "/srv/new\nline": ("nginx kampus.example",),
        "/srv/php": ("nginx kampus.example",),
        "/var/www": ("nginx",),  # $host
        "/var/www/inherited": ("nginx",),
        "/var/www/kampus/public": ("nginx kampus.example",),
        "/var/www/mapped": ("nginx kampus.example",),
    }
    assert found.web == ("nginx",)


APACHE = r"""ServerRoot "/etc/apache2"
Define BASE /var/www/${SITES}
Define SITES apache
<IfModule mod_x.c>
  IncludeOptional sites-enabled/*.conf
</IfModule>
<IfDefine MORE>
Include ${CONF}/deep
</IfDefine>
Define CONF /etc/more
<Macro VHost $name $domain $secret>
  <VirtualHost *:80>
    ServerName $domain
    DocumentRoot ${BASE}/$name/public
    SetEnv DB_PASS $secret
  </VirtualHost>
</Macro>
Use VHost perpus perpus.example "s3cr3t"
#DocumentRoot /srv/comment
"""


async def test_what_apache_serves(planted: PlantedRoot, tmp_path: Path) -> None:
    planted.plant("/etc/apache2/apache2.conf", APACHE)
    planted.plant(
        "/etc/apache2/sites-enabled/a.conf",
        "<VirtualHost *:80>\nDocumentRoot \\\n  ${ROOTS}/site\nServerName a.example\n"
        'Alias /x "/srv/alias x"\n</VirtualHost>\n'
        "WSGIScriptAlias / /srv/django/site/wsgi.py\nAliasMatch ^/u/(.*) /srv/users/$1/www\n",
    )
    planted.plant("/etc/apache2/envvars", 'export ROOTS="/srv/from-envvars"\nexport PASSWORD=s3cr3t\n')
    planted.plant("/etc/more/deep/b.conf", "Alias /y /srv/more\n")
    for path in (
        "/var/www/apache/perpus/public/a", "/srv/from-envvars/site/a", "/srv/alias x/a", "/srv/django/site/wsgi.py",
        "/srv/more/a", "/srv/comment/a", "/srv/users/andi/www/a",
    ):  # fmt: skip
        planted.plant(path)
    found = await looked(planted, tmp_path)
    assert {one.path: one.named_by for one in found.folders} == {
        "/srv/alias x": ("Apache a.example",),
        "/srv/django/site": ("Apache",),
        "/srv/from-envvars/site": ("Apache a.example",),
        "/srv/more": ("Apache",),
        "/srv/users": ("Apache",),
        "/var/www/apache/perpus/public": ("Apache perpus.example",),
    }


@pytest.mark.long
async def test_2_000_sites_and_ten_megabytes_are_read_in_time(planted: PlantedRoot, tmp_path: Path) -> None:
    planted.plant("/etc/nginx/nginx.conf", "http { include sites/*; include big; }")
    for number in range(2000):
        site = f"server {{ server_name s{number}.example; set $site s{number}; root /srv/sites/$site/public; }}\n"
        planted.plant(f"/etc/nginx/sites/s{number}.conf", site)
    planted.plant("/etc/nginx/big", "# " + "x" * 70 + "\n")
    with (planted.root / "etc/nginx/big").open("a") as big:
        big.writelines(
            f"location /x{number} {{ return 301 https://example/{number}; }}\n" for number in range(200_000)
        )
        big.write("location /end { root /srv/end; }\n")
    planted.plant("/srv/end/a")
    for number in range(0, 2000, 100):
        planted.plant(f"/srv/sites/s{number}/public/a")
    found = await looked(planted, tmp_path)
    assert len(found.folders) == 21, (len(found.folders), found.cut)
    assert found.cut == ()
