#!/bin/sh
# Restores this snapshot with sh, GNU tar and zstd (and find, grep, awk) alone; tuibackup is not needed.
#
#   sh restore.sh DIR                   restore everything below DIR, which must be empty or not exist
#   sh restore.sh --numeric-owner DIR   as root: owners by number, not by name
#   sh restore.sh --check               compare every file of this snapshot with SHA256SUMS
#
# Folders appear below DIR with their full path: /var/www/siakad becomes DIR/var/www/siakad. Root gets owners,
# modes, times and extended attributes back; an ordinary user all but the owners, and no extended attributes from an
# archive in which a read-only file has some (tar cannot set them; that is said, and the exit code is 3). Stops at the
# first error.

set -u
umask 022
LC_ALL=C
export LC_ALL
unset TAR_OPTIONS ZSTD_CLEVEL ZSTD_NBTHREADS 2>/dev/null

fail() {
	printf 'restore.sh: %s\n' "$*" >&2
	exit 1
}

usage() {
	printf 'usage: sh restore.sh [--numeric-owner] DIR\n       sh restore.sh --check\n' >&2
	exit 2
}

case $0 in
*/*) here=${0%/*} ;;
*) here=. ;;
esac
here=$(CDPATH='' cd -- "${here:-/}" && pwd -P) || fail "cannot enter the folder of this snapshot"

owner=
[ $# -ge 1 ] || usage
case $1 in
--check)
	cd -- "$here" || exit 1
	sha256sum -c SHA256SUMS
	exit
	;;
--numeric-owner)
	owner=--numeric-owner
	shift
	;;
-*) usage ;;
esac
[ $# -eq 1 ] && [ -n "$1" ] || usage
case $1 in
/*) target=$1 ;;
*) target=./$1 ;;
esac

command -v zstd >/dev/null 2>&1 || fail "zstd is missing: install the package zstd"
case $(tar --version 2>/dev/null) in
*"GNU tar"*) ;;
*) fail "GNU tar is missing: install the package tar" ;;
esac

if [ -e "$target" ] || [ -L "$target" ]; then
	[ -d "$target" ] || fail "$1 is not a folder"
	for name in "$target"/* "$target"/.[!.]* "$target"/..?*; do
		if [ -e "$name" ] || [ -L "$name" ]; then
			fail "$1 is not empty"
		fi
	done
else
	(umask 077 && mkdir -p -- "$target") || fail "cannot make $1"
fi

# The owner of a folder could put links into it while tar writes there.
[ -O "$target" ] || fail "$1 belongs to another account: restore into a folder of your own"

# Positional parameters hold the options of tar from here on. tar runs zstd itself (-I), so that a damaged
# archive is an error of tar; --force-local: a colon in a path is no host.
set -- -x -p -C "$target" --force-local --warning=no-timestamp -I 'zstd -q'
[ -z "$owner" ] || set -- "$@" "$owner"
options=$(tar --help 2>/dev/null)
case $options in
*--xattrs-include*) set -- "$@" --xattrs '--xattrs-include=*' ;;
esac
case $options in
*--acls*) set -- "$@" --acls ;;
esac

# without: what to do with tar's options before it is tried once more without extended attributes. As an ordinary user,
# tar makes a file with its last mode at once, and may then give what is read-only neither attributes nor content.
lost=
without() {
	[ "$(id -u)" != 0 ] || return 1
	case $options in
	*--xattrs-include*) ;;
	*) return 1 ;;
	esac
	printf 'restore.sh: %s once more, without extended attributes: only root can give them to read-only files\n' "$1" >&2
	lost=1
}

# A vault may have been tampered with. What follows holds for every snapshot of tuibackup; where it does not, somebody
# wants to write outside of DIR: one tar follows the links that another has made.
#
# Archives bring files, and the folders they lie in. Links come after all of them.
plain() {
	[ -z "$(find "$target/." ! -type d ! -type f 2>/dev/null | head -n 1)" ] ||
		fail "stopped: an archive has brought what is neither file nor folder; this snapshot was tampered with"
}

names() {
	tar -t "$@" --force-local --quoting-style=escape -I 'zstd -q' 2>/dev/null
}

# One list holds links alone, the other folders; none of these lies at or below the name of a link.
proper() {
	if names -v -f "$here/restore/links.tar.zst" | grep -qv '^[lhp]' ||
		names -v -f "$here/restore/folders.tar.zst" | grep -qv '^d' ||
		! {
			names -f "$here/restore/links.tar.zst"
			echo
			names -f "$here/restore/folders.tar.zst"
		} | awk '
			/(^|\/)\.\.(\/|$)/ { astray = 1; exit }
			$0 == "" { folders = 1; next }
			{
				name = $0
				while (gsub(/\/\.\//, "/", name)) continue
				gsub(/\/+/, "/", name)
				sub(/^\.?\//, "", name)
				sub(/\/\.?$/, "", name)
				if (!folders) { link[name]; next }
				while (!(name in link)) if (!sub(/\/[^\/]*$/, "", name)) next
				astray = 1
				exit
			}
			END { exit astray }'; then
		fail "stopped: the lists of links and folders lead out of the folder; this snapshot was tampered with"
	fi
}

# 1. Regular files, archive by archive. The names stand in the order of the archive: with --same-order that is
# read in one go (without, tar takes minutes for 100,000 names). What either side of the pipe says is caught in
# $trouble, because sh knows no pipefail.
while read -r number count archive; do
	[ -f "$here/$archive" ] || fail "archive $archive is missing"
	printf 'restore.sh: %s files from %s\n' "$count" "$archive" >&2
	for more in '' --no-xattrs; do
		[ -z "$more" ] || without "$archive" || break
		trouble=$(
			{
				{ zstd -q -dc "$here/restore/$number.names.zst" || echo zstd >&3; } |
					tar "$@" ${more:+"$more"} -f "$here/$archive" --same-order --no-recursion --null -T - >&2 ||
					echo tar >&3
			} 3>&1
		)
		[ -n "$trouble" ] || break
	done
	[ -z "$trouble" ] || fail "stopped at $archive ($trouble); what is in the folder now is not complete"
	plain
done <"$here/restore/archives" || exit 1

# 2. Symbolic links, hard links and FIFOs: after every file, so that no file is written through a link.
# 3. Folders with owners, modes and times: last, because writing into a folder changes its time.
proper
for list in links folders; do
	tar "$@" -f "$here/restore/$list.tar.zst" ||
		{ without "$list" && tar "$@" --no-xattrs -f "$here/restore/$list.tar.zst"; } ||
		fail "stopped at the $list; what is there now is not complete"
done
if [ -n "$lost" ]; then
	printf 'restore.sh: done, but without extended attributes\n' >&2
	exit 3
fi
printf 'restore.sh: done\n' >&2
