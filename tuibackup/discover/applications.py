"""Which applications there are, by marks in files and tables; where their data lie, and what their database is called.

A new application is one more entry here.
"""

import posixpath
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from tuibackup.discover.found import FoundDatabase
from tuibackup.discover.reader import Reader, raw, text
from tuibackup.discover.served import Served
from tuibackup.discover.values import Keys, Values, values


@dataclass(frozen=True)
class Application:
    """`marks` are files below its folder that tell it; of `weak` ones, which others have, too, only with a value.

    `configs` are its configuration's files, from its folder on or absolute. `exclude` proposes what a backup need not
    hold; `data_exclude` likewise of its data. `table` is the end of the name of a table that only it has.
    """

    name: str
    marks: tuple[str, ...]
    configs: tuple[str, ...]
    keys: Keys
    weak: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    data_exclude: tuple[str, ...] = ()
    table: str = ""


_PHP_DB = Keys(names=("database",), hosts=("hostname", "host"), kinds=("dbdriver", "DBDriver"))
APPLICATIONS = (
    Application(
        "WordPress",
        ("wp-config.php", "wp-load.php"),
        ("wp-config.php", "../wp-config.php", "/etc/wordpress/config-*.php"),
        Keys(names=("DB_NAME",), hosts=("DB_HOST",), folders=("WP_CONTENT_DIR", "WP_PLUGIN_DIR")),
        exclude=("wp-content/cache/**", "wp-content/upgrade/**", "wp-content/updraft/**", "wp-content/ai1wm-backups/**",
                 "wp-content/backups*/**", "wp-content/uploads/backup*/**"),
        data_exclude=("cache/**", "upgrade/**", "updraft/**", "ai1wm-backups/**"),
        table="usermeta",
    ),
    Application(
        "Moodle",
        ("lib/moodlelib.php",),
        ("config.php",),
        Keys(names=("dbname",), hosts=("dbhost",), kinds=("dbtype",), folders=("dataroot", "filedir")),
        weak=("config.php",),
        data_exclude=("cache/**", "localcache/**", "temp/**", "sessions/**", "trashdir/**", "muc/**", "lock/**"),
        table="mdl_config",
    ),
    Application(
        "OJS",
        ("config.TEMPLATE.inc.php",),
        ("config.inc.php",),
        Keys(names=("database.name",), hosts=("database.host",), kinds=("database.driver",),
             folders=("files.files_dir", "files_dir")),
        weak=("config.inc.php",),
        exclude=("cache/**",),
        data_exclude=("temp/**", "scheduledTaskLogs/**"),
        table="journals",
    ),
    Application(
        "Nextcloud",
        ("occ",),
        ("config/config.php",),
        Keys(names=("dbname",), hosts=("dbhost",), kinds=("dbtype",), folders=("datadirectory",)),
        weak=("config/config.php",),
        data_exclude=("appdata_*/preview/**", "updater-*/**", "*/cache/**"),
        table="oc_appconfig",
    ),
    Application(
        "Laravel",
        ("artisan",),
        (".env", "config/database.php"),
        Keys(names=("DB_DATABASE",), hosts=("DB_HOST",), kinds=("DB_CONNECTION",),
             addresses=("DATABASE_URL", "DB_URL")),
        exclude=("storage/framework/cache/**", "storage/framework/sessions/**", "storage/framework/views/**",
                 "bootstrap/cache/**", "node_modules/**"),
        data_exclude=("storage/framework/**", "framework/cache/**", "framework/sessions/**", "framework/views/**"),
    ),
    Application(
        "CodeIgniter 4",
        ("spark",),
        (".env", "app/Config/Database.php"),
        Keys(names=("database.default.database", "database"), hosts=("database.default.hostname", "hostname"),
             kinds=("database.default.DBDriver", "DBDriver")),
        exclude=("writable/cache/**", "writable/session/**", "writable/debugbar/**"),
        table="ci_sessions",
    ),
    Application(
        "CodeIgniter 3",
        ("system/core/CodeIgniter.php", "application/config/database.php"),
        ("application/config/database.php",),
        _PHP_DB,
        exclude=("application/cache/**",),
    ),
    Application(
        "SLiMS",
        ("sysconfig.inc.php",),
        ("config/database.php", "sysconfig.local.inc.php", "sysconfig.inc.php", "config/sysconfig.local.inc.php"),
        Keys(names=("DB_NAME", "database"), hosts=("DB_HOST", "host"), folders=("REPOBS", "REPO_BASE_DIR", "FLS")),
        exclude=("files/cache/**", "files/backup/**"),
        table="biblio",
    ),
    Application(
        "MediaWiki",
        ("LocalSettings.php", "mw-config/index.php"),
        ("LocalSettings.php",),
        Keys(names=("wgDBname",), hosts=("wgDBserver",), kinds=("wgDBtype",), folders=("wgUploadDirectory",)),
        exclude=("cache/**", "images/thumb/**", "images/temp/**"),
        data_exclude=("thumb/**", "temp/**"),
        table="page_props",
    ),
    Application(
        "DSpace",
        ("config/dspace.cfg",),
        ("config/local.cfg", "config/dspace.cfg"),
        Keys(addresses=("db.url",), folders=("dspace.dir", "assetstore.dir")),
        exclude=("log/**", "solr/statistics/**"),
    ),
)  # fmt: skip
BY_NAME: Mapping[str, Application] = {one.name: one for one in APPLICATIONS}
COMPOSE = ("docker-compose.yml", "docker-compose.yaml", "compose.yml", "compose.yaml")
# Folders whose files tell nothing of an application that is run from there.
_PRUNED = (b"node_modules", b"vendor", b".git", b".cache", b".npm", b"wp-includes", b"wp-admin", b"cache")
_PUBLIC = (b"public", b"public_html", b"htdocs", b"html", b"web", b"www", b"webroot", b"pub")
_PACKAGES = b"/usr/share/"
_KINDS = {"mysqli": "mysql", "mariadb": "mysql", "mysql2": "mysql", "pdo_mysql": "mysql", "auroramysql": "mysql",
          "jdbc:mysql": "mysql", "jdbc:mariadb": "mysql", "mysql+pymysql": "mysql", "pgsql": "postgresql",
          "postgres": "postgresql", "postgres9": "postgresql", "jdbc:postgresql": "postgresql",
          "pdo_pgsql": "postgresql"}  # fmt: skip
_PORT = re.compile(r"(.*?)(?::\d+)?")


@dataclass(frozen=True)
class Installed:
    """An application in a folder; not `sure` by a mark that others have, too."""

    application: Application
    folder: bytes
    sure: bool = True


async def marked(
    reader: Reader, folders: Sequence[bytes], usual: Sequence[bytes]
) -> tuple[list[Installed], list[bytes]]:
    """The applications in and near `folders` that are served, and in `usual` places; and compose files there."""
    near = dict.fromkeys(folders)
    near.update((posixpath.dirname(one), None) for one in folders if posixpath.basename(one) in _PUBLIC)
    # The slash: where it is a link, what lies behind it is looked at.
    found = await _find(reader, [one.rstrip(b"/") + b"/" for one in near], 3)
    found += await _find(reader, usual, 4, below=b"$R")
    installed: dict[tuple[str, bytes], Installed] = {}
    compose: dict[bytes, None] = {}
    for path in found:
        name = text(path)
        if posixpath.basename(name) in COMPOSE:
            compose[path] = None
        for application in APPLICATIONS:
            for mark in (*application.marks, *application.weak):
                if name.endswith("/" + mark) and len(name) > len(mark) + 1:
                    one = Installed(application, raw(name[: -len(mark) - 1]), mark in application.marks)
                    if one.sure or (one.application.name, one.folder) not in installed:
                        installed[one.application.name, one.folder] = one
    return _without_others(list(installed.values())), list(compose)


def _without_others(installed: list[Installed]) -> list[Installed]:
    """Without what only a weak mark tells that is the configuration of an application which is there for sure:
    Nextcloud's config/config.php looked like Moodle's.
    """
    known = {
        posixpath.normpath(posixpath.join(one.folder, raw(config)))
        for one in installed
        if one.sure
        for config in one.application.configs
    }
    return [
        one
        for one in installed
        if one.sure
        or any(posixpath.join(one.folder, raw(mark)) not in known for mark in one.application.weak)
    ]


async def _find(reader: Reader, places: Sequence[bytes], depth: int, *, below: bytes = b"") -> list[bytes]:
    """The files whose name tells something, at most so deep below `places`, which lie `below` a variable's folder."""
    marks = {posixpath.basename(mark) for one in APPLICATIONS for mark in (*one.marks, *one.weak)}
    tests = b" -o ".join(b"-name " + name.encode() for name in sorted(marks.union(COMPOSE)))
    pruned = b" -o ".join(b"-name " + name for name in _PRUNED)
    script = (
        b'$SUDO find "$@" -maxdepth %d -xdev \\( -type d \\( %s \\) -prune \\) -o'
        b" \\( \\( -type f -o -type l \\) \\( %s \\) -print0 \\) 2>/dev/null; :" % (depth, pruned, tests)
    )
    if below:
        script = b'for place; do shift; set -- "$@" "' + below + b'$place"; done\n' + script
    answer = await reader.each(script, places, what="applications", seconds=20.0)
    # A name with two slashes comes of the one behind the place.
    return list(dict.fromkeys(name.replace(b"//", b"/") for name in answer.split(b"\0") if name))


async def configured(
    reader: Reader, installed: Sequence[Installed]
) -> tuple[list[Served], list[FoundDatabase]]:
    """Their folders, the folders of their data, and their databases, as their configuration says."""
    folders: list[Served] = []
    databases: list[FoundDatabase] = []
    for application in APPLICATIONS:
        places = [one.folder for one in installed if one.application is application]
        sure = {one.folder for one in installed if one.application is application and one.sure}
        if not places:
            continue
        packaged = next((one for one in places if one.startswith(_PACKAGES)), places[0])
        files = {
            posixpath.normpath(posixpath.join(place, raw(config))): place
            for place in reversed(places)
            for config in application.configs
            if "*" not in config
        }
        for config in application.configs:
            if "*" in config:
                pattern = (
                    b'for name in "$R"'
                    + config.encode()
                    + b'; do [ -f "$name" ] && printf "%s\\0" "$name"; done; :'
                )
                names = (await reader.ask(pattern, what=application.name)).split(b"\0")[:-1]
                files.update((name, packaged) for name in names)
        told = await values(reader, application.keys, list(files), application.name)
        for place in places:
            # A file above the folder counts where the folder's own does not say it.
            said = {file: told[file] for file, of in files.items() if of == place and file in told}
            if place not in sure and not any(one.any for one in said.values()):
                continue
            folders.append(Served(place, application.name, "application", application.name))
            # What a package brings holds defaults; where the system's configuration says it, that counts.
            chosen = any(one.names for file, one in said.items() if not file.startswith(_PACKAGES))
            for file, one in said.items():
                folders += _data(application, place, file, one)
                if not chosen or not file.startswith(_PACKAGES):
                    databases += _databases(application, place, one)
    return folders, list(dict.fromkeys(databases))


def _data(application: Application, place: bytes, file: bytes, said: Values) -> Iterable[Served]:
    """The folders of its data, which the values in `file` name."""
    home = next((path for _from, path in said.folders if path.startswith("/")), "")
    for near, path in said.folders:
        if near:
            start = posixpath.dirname(file)
            start = posixpath.dirname(start) if near == "above" else start
            folder = posixpath.join(start, raw(path.lstrip("/")))
        else:
            folder = posixpath.join(place, raw(path.replace("${dspace.dir}", home)))
        yield Served(
            posixpath.normpath(folder), f"{application.name} {text(place)}", "data", application.name
        )


def _databases(application: Application, place: bytes, said: Values) -> Iterable[FoundDatabase]:
    kind = _kind(said.kinds[0] if said.kinds else "mysql")
    host = _host(said.hosts[0] if said.hosts else "")
    found = [(name, host, kind) for name in said.names if not name.isdigit()]
    found += [(name, _host(at), _kind(scheme)) for name, at, scheme in said.addresses]
    for name, at, what in found:
        if not what.startswith("sqlite"):  # a file, in the application's folder
            yield FoundDatabase(
                name=name, application=application.name, folder=text(place), host=at, kind=what
            )


def _kind(word: str) -> str:
    return _KINDS.get(word.lower(), word.lower())


def _host(told: str) -> str:
    """A host without its port or socket; "" for this machine."""
    if told.startswith("["):
        told = told.partition("]")[0] + "]"
    elif told.count(":") == 1 or ":/" in told:
        told = told.partition(":")[0]
    return "" if told in ("localhost", "127.0.0.1", "::1", "[::1]", ".") or told.startswith("/") else told


def by_tables(tables: Iterable[str]) -> str:
    """The application whose tables a database has; "" for none that is known."""
    names = [f"_{name.lower()}" for name in tables]
    return next(
        (
            one.name
            for one in APPLICATIONS
            if one.table and any(name.endswith(f"_{one.table}") for name in names)
        ),
        "",
    )
