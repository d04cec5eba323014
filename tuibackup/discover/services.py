"""What services of systemd and supervisor work in, and what containers keep on the server: folders, no environment."""

import posixpath
import re

from tuibackup.discover.reader import Reader, program_text, text
from tuibackup.discover.served import Served, of_the_system

_UNITS = program_text("units.awk")
_FORMAT = (
    b'{{$p := index .Config.Labels "com.docker.compose.project"}}'
    b'{{$w := index .Config.Labels "com.docker.compose.project.working_dir"}}'
    b'{{$f := index .Config.Labels "com.docker.compose.project.config_files"}}'
    b'C{{"\\t"}}{{or $p .Name}}{{"\\t"}}{{$w}}{{"\\t"}}{{$f}}'
    b'{{range .Mounts}}{{"\\n"}}M{{"\\t"}}{{.Type}}{{"\\t"}}{{.Source}}{{end}}'
)
_CONTAINERS = (
    b'[ -z "$R" ] || exit 0\n'
    b"command -v docker >/dev/null 2>&1 || exit 0\n"
    b"docker ps -aq --no-trunc 2>/dev/null | head -n 300 | xargs docker inspect --format '"
    + _FORMAT
    + b"' 2>/dev/null\n:"
)
_COMPOSE = program_text("compose.awk")
_DEFAULT = re.compile(rb"\$\{(\w+)(?::?-([^}]*))?\}")
UNITS = (
    b"/etc/systemd/system/*.service",
    b"/etc/systemd/system/*.service.d/*.conf",
    b"/usr/local/lib/systemd/system/*.service",
    b"/etc/supervisor/conf.d/*.conf",
    b"/etc/supervisor/*.conf",
    b"/etc/supervisord.conf",
    b"/etc/supervisord.d/*.ini",
    b"/etc/supervisor.d/*.ini",
)
_PROGRAMS = (b"bin", b"sbin")


async def served(reader: Reader, units: list[bytes]) -> list[Served]:
    """Where the services of these files work, and where their programs lie."""
    selected = await reader.select(_UNITS, units, what="services")
    found: list[Served] = []
    for file, said in selected.files.items():
        name = text(posixpath.basename(file))
        name = (
            text(posixpath.basename(posixpath.dirname(file)))[:-2]
            if name.endswith(".conf") and b".service.d/" in file
            else name
        )
        working = [posixpath.normpath(one[1]) for one in said if one[0] == b"folder"]
        for one in said:
            folder = posixpath.normpath(one[1])
            if one[0] == b"file":
                folder = posixpath.dirname(folder)
                if posixpath.basename(folder) in _PROGRAMS:
                    folder = posixpath.dirname(folder)
                if any(folder.startswith(place + b"/") for place in working if not of_the_system(place)):
                    continue
            found.append(Served(folder, name, "service"))
    return found


async def containers(reader: Reader) -> tuple[list[Served], list[tuple[bytes, bytes]]]:
    """The folders that containers have from the server; and the compose files that their labels name, with a folder."""
    answer = await reader.ask(_CONTAINERS, what="Docker", limit=1 << 20)
    found: list[Served] = []
    files: list[tuple[bytes, bytes]] = []
    project = ""
    for line in answer.split(b"\n"):
        part = line.split(b"\t")
        if part[0] == b"C" and len(part) == 4:
            project = text(part[1].lstrip(b"/"))
            files += [(one.strip(), part[2]) for one in part[3].split(b",") if one.strip().startswith(b"/")]
            if part[2].startswith(b"/"):
                found.append(
                    Served(posixpath.normpath(part[2]), f"Docker {project}", "application", "Docker compose")
                )
        elif part[0] == b"M" and len(part) == 3 and part[2].startswith(b"/"):
            found.append(Served(posixpath.normpath(part[2]), f"Docker {project}", "volume"))
    return found, files


async def composed(reader: Reader, files: list[bytes]) -> list[Served]:
    """The folders of compose files: those that they lie in, and the volumes that they name."""
    selected = await reader.select(_COMPOSE, files, what="Docker compose")
    wanted = {
        name
        for said in selected.files.values()
        for one in said
        for name, default in _DEFAULT.findall(one[1])
        if not default
    }
    values = await _values(reader, [posixpath.join(posixpath.dirname(one), b".env") for one in files], wanted)
    found: list[Served] = []
    for file in files:
        folder = posixpath.dirname(file)
        project = posixpath.basename(folder)
        found.append(Served(folder, f"Docker {text(project)}", "application", "Docker compose"))
        own = values.get(posixpath.join(folder, b".env"), {})
        for one in selected.files.get(file, ()):
            source = _DEFAULT.sub(lambda match, own=own: own.get(match[1]) or match[2] or b"$", one[1])  # type: ignore[misc]
            if source.startswith((b"/", b".")):
                path = posixpath.normpath(posixpath.join(folder, source))
            elif re.fullmatch(rb"[\w.-]+", source):
                name = re.sub(rb"[^a-z0-9_-]", b"", project.lower())
                path = b"/var/lib/docker/volumes/" + name + b"_" + source + b"/_data"
            else:
                continue
            if b"$" not in path:
                found.append(Served(path, f"Docker {text(project)}", "volume"))
    return found


async def _values(reader: Reader, files: list[bytes], names: set[bytes]) -> dict[bytes, dict[bytes, bytes]]:
    """Those of `names` whose value is a path, by file."""
    if not names:
        return {}
    either = b"|".join(sorted(name for name in names if re.fullmatch(rb"\w+", name)))
    program = (
        rb"""
function begin() { }
function finish() { }
match($0, /^[ \t]*(export[ \t]+)?("""
        + either
        + rb""")[ \t]*=[ \t]*["']?[.\/][^"' \t\r]*/) {
  line = substr($0, RSTART, RLENGTH); sub(/^[ \t]*(export[ \t]+)?/, "", line); at = index(line, "=")
  name = substr(line, 1, at - 1); value = substr(line, at + 1); gsub(/[ \t]/, "", name); gsub(/^[ \t"']+/, "", value)
  print "value\t" name "\t" esc(value)
}
"""
    )
    selected = await reader.select(program, files, what="Docker compose")
    return {file: {one[1]: one[2] for one in said if len(one) == 3} for file, said in selected.files.items()}
