"""Looks at the folders that were found: whether they are there, where their links lead, how much lies in them."""

import posixpath
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from tuibackup.discover.reader import Reader

MOST_FILES = 200_000  # that are counted in one folder
_SIZE_SECONDS = 20.0
MOST_SIZED = 40  # folders whose files are counted, and for which excludes are proposed

# For each name: the name, what it is behind all links, and letters: d a folder, r one that may be read, e an empty one.
_LOOK = rb"""
for name; do
  real=
  kind=
  if [ -d "$name" ]; then
    kind=d
    told=$(
      cd -P -- "$name" 2>/dev/null || exit 0
      for any in * .[!.]* ..?*; do
        if [ -e "$any" ] || [ -L "$any" ]; then printf '%s full' "$(pwd -P)"; exit 0; fi
      done
      printf '%s none' "$(pwd -P)"
    )
    real=${told%?????}
    [ -n "$real" ] || real=$(readlink -f -- "$name" 2>/dev/null)
    if [ -r "$name" ] && [ -x "$name" ]; then
      kind=${kind}r
      case $told in *none) kind=${kind}e ;; esac
    elif [ -n "$SUDO" ]; then kind=${kind}r
    fi
  elif [ -n "$SUDO" ] && [ -n "$($SUDO find -L "$name" -maxdepth 0 -type d 2>/dev/null)" ]; then kind=dr
  elif [ ! -e "$name" ] && [ ! -L "$name" ]; then
    above=${name%/*}; while [ -n "$above" ] && [ ! -d "$above" ]; do above=${above%/*}; done
    [ -z "$above" ] || [ -x "$above" ] || kind=u
  fi
  printf '%s\0%s\0%s\0' "$name" "$real" "$kind"
done
"""
# Links near the top of a folder that lead to folders, and such an application's own configuration behind a link.
_LINKS = rb"""
find "$@" -maxdepth 2 -type l -print 2>/dev/null | head -n 5000 | while IFS= read -r link; do
  target=$(readlink -f -- "$link" 2>/dev/null) || continue
  if [ -d "$target" ]; then printf '%s\0%s\0' "$link" "$target"
  elif [ -f "$target" ]; then
    case $link in */.env|*/*config*.php) printf '%s\0%s\0' "$link" "${target%/*}" ;; esac
  fi
done
:
"""


@dataclass(frozen=True)
class Place:
    """What a name of a folder is: `real` is the folder behind all links, "" where that cannot be found out."""

    there: bool
    real: bytes = b""
    readable: bool = True
    empty: bool = False
    hidden: bool = False  # a folder around it may not be entered


@dataclass(frozen=True)
class Amount:
    """Files and bytes of a folder; `files` is None where only bytes are told. `more`: at least so much."""

    files: int | None
    bytes: int
    more: bool


async def look(reader: Reader, names: Iterable[bytes]) -> Mapping[bytes, Place]:
    """What each name is."""
    answer = (await reader.each(_LOOK, dict.fromkeys(names), what="folders")).split(b"\0")
    found: dict[bytes, Place] = {}
    for name, real, kind in zip(answer[0::3], answer[1::3], answer[2::3], strict=False):
        found[name] = Place(b"d" in kind, real, b"r" in kind, b"e" in kind, b"u" in kind)
    return found


async def links(reader: Reader, folders: Sequence[bytes]) -> list[tuple[bytes, bytes]]:
    """Folders that links in `folders` lead to, each with the folder in which the link is; those in it are left out."""
    # The slash: of a folder that is a link what lies behind it is looked at.
    starts = {folder.rstrip(b"/") + b"/": folder for folder in folders}
    answer = (await reader.each(_LINKS, starts, what="links", limit=1 << 20)).split(b"\0")
    found: dict[tuple[bytes, bytes], None] = {}
    for link, target in zip(answer[0::2], answer[1::2], strict=False):
        above = [link[: at + 1] for at in range(len(link)) if link[at : at + 1] == b"/"]
        start = next((one for one in reversed(above) if one in starts), None)
        if start and not (target + b"/").startswith(start):
            found[starts[start], target] = None
    return list(found)


_COUNT = rb"""
for name; do
  printf '%%s\0' "$name"
  $SUDO find "$name/" -xdev -type f -printf '%%s\n' 2>/dev/null | head -n %d |
    awk '{ n++; s += $1; if (n %% 5000 == 0) printf "%%d %%.0f ", n, s } END { printf "%%d %%.0f end", n, s }'
  printf '\0'
done
"""
_DISK_USE = rb"""
for name; do
  printf '%s\0' "$name"
  du -skx "$name/" 2>/dev/null | awk '{ printf "- %.0f end", $1 * 1024 }'
  printf '\0'
done
"""


async def amounts(reader: Reader, folders: Sequence[bytes], *, gnu: bool) -> Mapping[bytes, Amount]:
    """How much lies in each of the first folders, on its own file system; those that time was left for."""
    script = _COUNT % (MOST_FILES + 1) if gnu else _DISK_USE
    cut = dict(reader.cut)
    answer = await reader.each(script, folders, what="sizes", seconds=_SIZE_SECONDS, whole_lines=False)
    reader.cut = cut  # an amount itself says that it is not all
    found: dict[bytes, Amount] = {}
    parts = answer.split(b"\0")
    for folder, counted in zip(parts[0::2], parts[1::2], strict=False):
        numbers = counted.removesuffix(b" end").split()
        if len(numbers) >= 2 and len(numbers) % 2 == 0:
            files = int(numbers[-2]) if numbers[-2].isdigit() else None
            whole = counted.endswith(b" end") and (files is None or files <= MOST_FILES)
            found[folder] = Amount(files, int(float(numbers[-1])), not whole)
    return found


# What need not be in a backup, where nothing is known of the application: it must hold no program. And other backups.
_GUESSES = rb"""
for name; do
  for part in cache .cache tmp temp sessions node_modules; do
    [ -d "$name/$part" ] || continue
    case $part in
      node_modules) ;;
      *) [ -z "$(find "$name/$part/" -maxdepth 2 -name '*.p[hy]*' 2>/dev/null | head -n 1)" ] || continue ;;
    esac
    printf '%s\0%s\0' "$name" "$part/**"
  done
  for part in backup backups _backup .backup; do
    [ -d "$name/$part" ] && printf '%s\0%s\0' "$name" "$part/**"
  done
  find "$name/" -maxdepth 2 -type f -size +1024k \( -name '*.sql' -o -name '*.sql.gz' -o -name '*.sql.zip' \
    -o -name '*.wpress' -o -name '*.jpa' -o -name '*backup*.zip' -o -name '*backup*.tar.gz' \
    -o -name '*backup*.tgz' \) 2>/dev/null | head -n 10 |
  while IFS= read -r file; do printf '%s\0%s\0' "$name" "$file"; done
done
:
"""
_THERE = rb"""
while [ $# -gt 1 ]; do
  IFS=; for found in "$1"/$2; do [ -e "$found" ] && printf '%s\0%s\0' "$1" "$2" && break; done
  shift 2
done
:
"""


async def excludes(
    reader: Reader, folders: Sequence[bytes], known: Mapping[bytes, Sequence[str]]
) -> Mapping[bytes, list[str]]:
    """Patterns proposed for each folder: those `known` for its application that match something there, and guesses."""
    pairs = [
        word
        for folder, patterns in known.items()
        for pattern in patterns
        for word in (folder, pattern.removesuffix("/**").encode())
    ]
    answer = (await reader.each(_THERE, pairs, what="excludes", limit=1 << 20)).split(b"\0")
    found: dict[bytes, list[str]] = {}
    for folder, there in zip(answer[0::2], answer[1::2], strict=False):
        pattern = there.decode("utf-8", "surrogateescape")
        found.setdefault(folder, []).append(f"./{pattern}/**")
    answer = (await reader.each(_GUESSES, folders, what="excludes", limit=1 << 20)).split(b"\0")
    for folder, there in zip(answer[0::2], answer[1::2], strict=False):
        name = posixpath.relpath(there, folder) if there.startswith(b"/") else there
        pattern = "./" + name.decode("utf-8", "surrogateescape")
        if pattern not in found.setdefault(folder, []):
            found[folder].append(pattern)
    return found
