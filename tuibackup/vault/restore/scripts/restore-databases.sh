#!/bin/sh
# Writes the SQL of this snapshot to standard output with sh and zstd alone; tuibackup is not needed.
#
#   sh restore.sh | mariadb             every database, in an order that restores
#   sh restore.sh NAME | mariadb        one database
#   sh restore.sh --users | mariadb     users, roles and grants; after the databases
#   sh restore.sh --list                the names
#   sh restore.sh --check               compare every file of this snapshot with SHA256SUMS
#
# Each dump creates its database and uses it. When this ends with an error, what was written is not complete.

set -u
unset ZSTD_CLEVEL ZSTD_NBTHREADS 2>/dev/null

fail() {
	printf 'restore.sh: %s\n' "$*" >&2
	exit 1
}

usage() {
	printf 'usage: sh restore.sh [NAME | --users | --list | --check]\n' >&2
	exit 2
}

case $0 in
*/*) here=${0%/*} ;;
*) here=. ;;
esac
here=$(CDPATH='' cd -- "${here:-/}" && pwd -P) || fail "cannot enter the folder of this snapshot"

write() {
	command -v zstd >/dev/null 2>&1 || fail "zstd is missing: install the package zstd"
	zstd -q -dc -- "$here/$1" || fail "stopped in $1; what was written is not complete"
}

begin() { # the first $2 bytes: the views that look into other databases come when all of them are there
	command -v zstd >/dev/null 2>&1 || fail "zstd is missing: install the package zstd"
	{
		code=$({ { zstd -q -dc -- "$here/$1" && echo 0 >&3; } | { head -c "$2" >&4 && cat >/dev/null; }; } 3>&1)
	} 4>&1
	[ "$code" = 0 ] || fail "stopped in $1; what was written is not complete"
}

plain() {
	cat -- "$here/$1" || fail "stopped in $1; what was written is not complete"
}

[ $# -le 1 ] || usage
case ${1-} in
'') # every database
@ALL@
	;;
--list)
@LIST@
	;;
--users)
	[ -f "$here/users.sql" ] || fail "no users are stored in this snapshot"
	plain users.sql
	;;
--check)
	cd -- "$here" || exit 1
	sha256sum -c SHA256SUMS
	exit
	;;
@EACH@
-*) usage ;;
*) fail "no such database in this snapshot: $1 (--list shows the names)" ;;
esac
