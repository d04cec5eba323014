"""Looks at a server: what it serves, which applications these are, where their data and databases lie. Changes nothing.

`discover` is all that others need: it wants a session that is logged in, what `remote.probe.probe` said of the server,
and what the database's login tells, where there is one. It takes a minute at most, whatever the server has, and never
raises for what the server says; ConnectionLostError where the connection ends.

    found = await discover(session, await probe(session), server)
    overview.coverage.coverage(server, found, datetime.now(UTC)).unprotected

For a server that is only being set up a `Server(name, host)` will do: everything is unprotected then, and each
`FoundFolder` has its size, what to exclude, and whether the account may read it.
"""

import asyncio
import posixpath
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from tuibackup.config import Server
from tuibackup.discover import apache, litespeed, nginx, panels, services
from tuibackup.discover.applications import BY_NAME, by_tables, configured, marked
from tuibackup.discover.found import Discovery, FoundDatabase, FoundFolder
from tuibackup.discover.places import MOST_SIZED, Amount, Place, amounts, excludes, links, look
from tuibackup.discover.reader import Reader, raw, text
from tuibackup.discover.served import Served, of_the_system
from tuibackup.remote.probe import Probe
from tuibackup.remote.session import Session
from tuibackup.words import sentence

SECONDS = 60.0

_MAIN = {
    "nginx": (
        b"/etc/nginx/nginx.conf", b"/usr/local/nginx/conf/nginx.conf", b"/usr/local/etc/nginx/nginx.conf",
        b"/usr/local/openresty/nginx/conf/nginx.conf", b"/opt/nginx/conf/nginx.conf",
        b"/www/server/nginx/conf/nginx.conf", b"/opt/bitnami/nginx/conf/nginx.conf",
    ),
    "Apache": (
        b"/etc/apache2/apache2.conf", b"/etc/apache2/httpd.conf", b"/etc/apache2/conf/httpd.conf",
        b"/etc/httpd/conf/httpd.conf", b"/usr/local/apache2/conf/httpd.conf", b"/usr/local/apache/conf/httpd.conf",
        b"/usr/local/etc/apache24/httpd.conf", b"/www/server/apache/conf/httpd.conf", b"/opt/lampp/etc/httpd.conf",
        b"/opt/bitnami/apache/conf/httpd.conf",
    ),
    "Apache's variables": (b"/etc/apache2/envvars",),
    "OpenLiteSpeed": (b"/usr/local/lsws/conf/httpd_config.conf",),
}  # fmt: skip
# Files of sites that a panel writes beside the main file, which may be another's.
_SITES = {
    "nginx": (b"/www/server/panel/vhost/nginx/*.conf",),
    "Apache": (b"/www/server/panel/vhost/apache/*.conf",),
    "OpenLiteSpeed": (
        b"/usr/local/lsws/conf/vhosts/*/vhconf.conf",
        b"/usr/local/lsws/conf/vhosts/*/vhost.conf",
    ),
}
_USUAL = (b"/var/www", b"/srv", b"/opt", b"/home", b"/root", b"/data", b"/www/wwwroot", b"/usr/local/www")
# NUMBER and NAME of what is there, of each pattern of ours. With sudo a folder that is closed is looked into by find.
_LOOK = rb"""
IFS=
look() {
  any=
  for name in $3; do [ ! -e "$name" ] || { any=y; printf '%s\0%s\0' "$1" "$name"; }; done
  [ -z "$any" ] && [ -d "$2" ] && { [ ! -r "$2" ] || [ ! -x "$2" ]; } || return 0
  if [ -z "$SUDO" ]; then printf '!\0%s\0' "$2"; return 0; fi
  IFS=' '; $SUDO find "$2" -maxdepth 3 -path "$3" -print 2>/dev/null | while IFS= read -r name; do
    printf '%s\0%s\0' "$1" "$name"
  done
  IFS=
}
command -v awk >/dev/null 2>&1 || printf '%s\0%s\0' - awk
"""
# The main file that a running nginx was started with.
_RUNNING = rb"""
[ -n "$R" ] || grep -laE '^nginx: master process' /proc/[0-9]*/cmdline 2>/dev/null | head -n 5 |
  while read -r file; do tr '\0' ' ' <"$file" | grep -oE ' -c +/[^ ]+' | sed 's/^ -c *//'; done |
  while read -r name; do [ ! -e "$name" ] || printf '0\0%s\0' "$name"; done
:
"""
_MOST_FOLDERS = 3000  # that are looked at


@dataclass(frozen=True)
class DatabasesSeen:
    """What a login to the server's database tells: every database that it sees, with its tables' names.

    `fault` says why there was no login, "" where there was one.
    """

    tables: Mapping[str, Sequence[str]]
    fault: str = ""


async def discover(
    session: Session,
    probe: Probe,
    server: Server,
    seen: DatabasesSeen | None = None,
    *,
    seconds: float = SECONDS,
) -> Discovery:
    """What is on the server. `seen` is None where nobody tried to log in to a database.

    With `server.sudo` what only root may read is read by `sudo -n find` and `sudo -n tar`.
    """
    if not probe.shell or probe.find not in ("gnu", "busybox") or "xargs" in probe.lacks:
        return Discovery(cut=("shell",), databases=_databases([], seen), login=_login(seen))
    reader = Reader(session, sudo=server.sudo, seconds=seconds)
    starts = await _starts(reader)
    (used, named), (containers, labelled) = await asyncio.gather(
        _used(reader, starts), services.containers(reader)
    )
    web = [what for what in ("nginx", "Apache", "OpenLiteSpeed") if starts.get(what)]
    used = [one for one in used if one.path.startswith(b"/")]
    installed, compose = await marked(
        reader,
        [one.path for one in used if not of_the_system(one.path) or one.what == "site"][:_MOST_FOLDERS],
        _USUAL,
    )
    used += containers
    used += await services.composed(
        reader, list(dict.fromkeys([*compose, *(file for file, _folder in labelled)]))
    )
    folders, databases = await configured(reader, installed)
    used += folders
    databases += [FoundDatabase(name=name, application=panel) for name, panel in named]
    found = await _folders(reader, server, used, gnu=probe.find == "gnu")
    return Discovery(
        folders=found.folders,
        databases=_databases(databases, seen),
        web=(*web, *(["Docker"] if containers or compose else [])),
        unread=tuple(reader.unread),
        cut=tuple(reader.cut),
        real=found.real,
        login=_login(seen),
    )


async def _starts(reader: Reader) -> dict[str, list[bytes]]:
    """The files and folders to begin with that are there, by what they are of."""
    wanted: list[tuple[str, bytes]] = [
        *((what, path) for what, paths in _MAIN.items() for path in paths),
        *((f"sites of {what}", path) for what, paths in _SITES.items() for path in paths),
        *((panel.name, path) for panel in panels.PANELS for path in panel.files),
        *((f"folders of {name}", path) for name, path in panels.FOLDERS),
        *(("services", path) for path in services.UNITS),
    ]
    looks = b"\n".join(
        b'look %d "$R%s" "$R%s"' % (number, _fixed(path), path) for number, (_what, path) in enumerate(wanted)
    )
    script = _LOOK + looks + _RUNNING
    answer = (await reader.ask(script, what="web servers", limit=1 << 20)).split(b"\0")
    found: dict[str, list[bytes]] = {}
    for number, name in zip(answer[0::2], answer[1::2], strict=False):
        if number == b"!":
            reader.unread[text(name)] = None
        elif number == b"-":
            reader.cut[text(name)] = None
        elif number.isdigit() and int(number) < len(wanted):
            names = found.setdefault(wanted[int(number)][0], [])
            if name not in names:
                names.append(name)
    return found


def _fixed(pattern: bytes) -> bytes:
    """The folder before the first part of a pattern that is not fixed."""
    return posixpath.dirname(pattern.partition(b"*")[0])


async def _used(
    reader: Reader, starts: Mapping[str, list[bytes]]
) -> tuple[list[Served], list[tuple[str, str]]]:
    """What web servers, panels and services use; and the databases that panels name."""
    mains = [*starts.get("nginx", []), *starts.get("sites of nginx", [])]
    of_panels = {panel.name: starts.get(panel.name, []) for panel in panels.PANELS}
    folders = [(name, path) for name, _ in panels.FOLDERS for path in starts.get(f"folders of {name}", [])]
    by_nginx, by_apache, by_litespeed, (by_panels, databases), by_services = await asyncio.gather(
        nginx.served(reader, [(start, _nginx_prefix(start)) for start in mains]),
        apache.served(
            reader,
            [*starts.get("Apache", []), *starts.get("sites of Apache", [])],
            starts.get("Apache's variables", []),
        ),
        litespeed.served(reader, starts.get("OpenLiteSpeed", []), starts.get("sites of OpenLiteSpeed", [])),
        panels.served(reader, of_panels, list(dict.fromkeys(folders))),
        services.served(reader, starts.get("services", [])),
    )
    return [*by_nginx, *by_apache, *by_litespeed, *by_panels, *by_services], databases


def _nginx_prefix(start: bytes) -> bytes:
    """Where relative folders begin: Debian and Red Hat build theirs with /usr/share/nginx."""
    folder = posixpath.dirname(start)
    return posixpath.dirname(folder) if posixpath.basename(folder) == b"conf" else b"/usr/share/nginx"


@dataclass(frozen=True)
class _Looked:
    folders: tuple[FoundFolder, ...]
    real: Mapping[str, str]


async def _folders(reader: Reader, server: Server, used: Iterable[Served], *, gnu: bool) -> _Looked:
    """The folders that are there and no system's own; each once, with all who use it."""
    used = list(dict.fromkeys(used))
    # Of a deployment's releases the one in use is behind a link beside them.
    used += [
        one._replace(path=posixpath.join(posixpath.dirname(above), b"current"))
        for one in used
        if posixpath.basename(above := posixpath.dirname(one.path)) == b"releases"
    ]
    own = [raw(folder) for folder in server.folders]
    names = list(dict.fromkeys(one.path for one in used if not of_the_system(one.path)))
    if len(names) > _MOST_FOLDERS:
        reader.cut["folders"] = None
        names = names[:_MOST_FOLDERS]
    looked = dict(await look(reader, [*names, *own]))
    whose = {one.path: one for one in reversed(used)}
    inside = [
        one.path for one in used if one.what in ("site", "application") and _usable(looked.get(one.path))
    ]
    system = [one.path for one in used if one.what in ("site", "application") and of_the_system(one.path)]
    led = await links(reader, list(dict.fromkeys([*inside, *system]))[:_MOST_FOLDERS])
    used += [
        Served(target, sentence("a link in {place}", place=text(place)), "data", whose[place].application)
        for place, target in led
        if not of_the_system(target)
    ]
    fresh = [target for _place, target in led if target not in looked and not of_the_system(target)]
    looked |= await look(reader, fresh)
    groups: dict[bytes, list[Served]] = {}
    for one in used:
        place = looked.get(one.path)
        if place is None or of_the_system(place.real or one.path):
            continue
        if place.hidden:
            reader.unread[text(one.path)] = None
        if place.there and not place.empty:
            groups.setdefault(place.real or one.path, []).append(one)
    groups = {real: ones for real, ones in groups.items() if not _old_release(real, groups)}
    uncovered = [real for real in _outermost(groups) if not _covered(real, own, looked)]
    uncovered = uncovered[:MOST_SIZED]
    known = {real: _known_excludes(groups[real]) for real in uncovered}
    sizes = await amounts(reader, uncovered, gnu=gnu)
    proposed = await excludes(reader, uncovered, known)
    return _Looked(
        tuple(
            _found(real, ones, looked, sizes.get(real), proposed.get(real, ()))
            for real, ones in sorted(groups.items())
        ),
        {text(one): text(looked[one].real) for one in own if one in looked and looked[one].real},
    )


def _usable(place: Place | None) -> bool:
    return place is not None and place.there and place.readable


def _outermost(groups: Mapping[bytes, object]) -> list[bytes]:
    """The folders that lie in no other."""
    found: list[bytes] = []
    for real in sorted(groups, key=lambda one: (one.count(b"/"), one)):
        if not any(_lies_in(real, outer) for outer in found):
            found.append(real)
    return found


def _covered(real: bytes, own: Iterable[bytes], looked: Mapping[bytes, Place]) -> bool:
    return any(_lies_in(real, (looked[one].real if one in looked else b"") or one) for one in own)


def _lies_in(path: bytes, outer: bytes) -> bool:
    return path == outer or path.startswith(outer.rstrip(b"/") + b"/")


def _old_release(real: bytes, groups: Mapping[bytes, list[Served]]) -> bool:
    """Whether it is one of several releases of a deployment beside the one in use, which a link leads to."""
    around = posixpath.dirname(real)
    if posixpath.basename(around) != b"releases":
        return False
    linked = any(
        one.path != other for other, ones in groups.items() for one in ones if _lies_in(other, around)
    )
    return linked and all(one.path == real for one in groups[real])


def _known_excludes(ones: Iterable[Served]) -> list[str]:
    patterns: dict[str, None] = {}
    for one in ones:
        if application := BY_NAME.get(one.application):
            patterns.update(
                dict.fromkeys(application.data_exclude if one.what == "data" else application.exclude)
            )
    return list(patterns)


def _found(
    real: bytes,
    ones: Sequence[Served],
    looked: Mapping[bytes, Place],
    size: Amount | None,
    proposed: Sequence[str],
) -> FoundFolder:
    # What knows most of it comes first: an application's folder, then its data, then who serves it.
    order = ("application", "data", "volume", "site", "service")
    ones = sorted(ones, key=lambda one: order.index(one.what))
    # By its own name where somebody uses that, else by the shortest link that leads to it.
    path = min((one.path for one in ones), key=lambda path: (path != real, len(path), path))
    links_to = [one.path for one in ones if one.path != real and posixpath.basename(one.path) == b"current"]
    path = links_to[0] if links_to else path
    plain = re.sub(r"([*?\[\\])", r"\\\1", text(path).rstrip("/"))  # patterns are of this folder alone
    return FoundFolder(
        path=text(path),
        real=text(real),
        what=ones[0].what,
        named_by=tuple(dict.fromkeys(one.by for one in ones if one.by))[:5],
        application=next((one.application for one in ones if one.application), ""),
        readable=looked[ones[0].path].readable,
        files=size.files if size else None,
        bytes=size.bytes if size else None,
        more=size.more if size else False,
        exclude=tuple(f"{plain}/{pattern.removeprefix('./')}" for pattern in proposed),
    )


def _databases(named: Iterable[FoundDatabase], seen: DatabasesSeen | None) -> tuple[FoundDatabase, ...]:
    """Those that configurations name, and those that the login sees and nobody names."""
    there = seen.tables if seen and not seen.fault else None
    found: dict[tuple[str, str], FoundDatabase] = {}
    for one in named:
        present = None if there is None or one.kind != "mysql" else one.name in there
        one = FoundDatabase(
            name=one.name,
            application=one.application,
            folder=one.folder,
            host=one.host,
            kind=one.kind,
            present=present,
        )
        found.setdefault((one.name, one.host), one)
    names = {name for name, _host in found}
    for name, tables in (there or {}).items():
        if name not in names:
            found[name, ""] = FoundDatabase(name=name, application=by_tables(tables), present=True)
    return tuple(sorted(found.values(), key=lambda one: (one.host, one.name)))


def _login(seen: DatabasesSeen | None) -> str:
    return "" if seen is None else seen.fault or "done"
