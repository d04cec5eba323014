# shellcheck shell=sh
# Set-up shared by scripts/demo and scripts/test: Debian packages that are missing, and the Python environment .venv.
# Sourced, not run:  . scripts/setup.sh; need sshd=openssh-server …; python_environment run|dev
#
# It says what it installs, does nothing the second time, and never touches the machine's own services: programs are
# asked for, not daemons (mariadb-server-core has no service), and the one package that would start its service when
# installed (openssh-server) is kept from it and from starting at boot.

say() { printf '%s: %s\n' "${0##*/}" "$*" >&2; }
fail() { say "$@"; exit 1; }

# need PROGRAM=PACKAGE …: every program is there afterwards, or one line says which are not and why.
need() {
    missing= packages=
    for pair in "$@"; do
        PATH=$PATH:/usr/sbin:/sbin command -v "${pair%%=*}" >/dev/null && continue
        missing="$missing ${pair%%=*}"
        packages="$packages ${pair#*=}"
    done
    [ -n "$missing" ] || return 0

    command -v apt-get >/dev/null || fail "missing:$missing; install them (this is no Debian; there they are:$packages)"
    root=
    if [ "$(id -u)" != 0 ]; then
        sudo -n true 2>/dev/null || { [ -t 0 ] && command -v sudo >/dev/null; } ||
            fail "missing:$missing; install as root: apt-get install$packages"
        root=sudo
    fi
    say "installing Debian packages:$packages"
    install_packages $packages || fail "missing:$missing; apt-get could not install$packages (see above)"
}

install_packages() {
    log=$(mktemp)
    case " $* " in *" openssh-server "*) quiet_services ;; esac
    apt_install "$@" >"$log" 2>&1 ||
        { $root apt-get -q update >>"$log" 2>&1 && apt_install "$@" >>"$log" 2>&1; } ||
        { tail -n 15 "$log" >&2; failed=1; }
    case " $* " in *" openssh-server "*) quiet_services_end ;; esac
    rm -f "$log"
    [ -z "${failed-}" ]
}

# --no-remove: a MySQL that is here already is not thrown out for MariaDB.
apt_install() {
    $root env DEBIAN_FRONTEND=noninteractive apt-get -q -y --no-install-recommends --no-remove install "$@"
}

# Debian's own switch (policy-rc.d): while it says 101, installing starts no service. Put up only where none stands.
policy=/usr/sbin/policy-rc.d
mark='# put here by tuibackup scripts/setup.sh while it installs; may be removed'

quiet_services() {
    if [ -e "$policy" ] && ! grep -qF "$mark" "$policy"; then return; fi
    trap quiet_services_end EXIT
    trap 'exit 130' INT HUP TERM
    printf '#!/bin/sh\n%s\nexit 101\n' "$mark" | $root tee "$policy" >/dev/null
    $root chmod 755 "$policy"
}

quiet_services_end() {
    trap - EXIT INT HUP TERM
    if grep -qsF "$mark" "$policy"; then $root rm -f "$policy"; fi
    # The package was wanted for its program alone, so its service does not come up at the next boot either.
    if [ -x /usr/sbin/sshd ]; then
        $root update-rc.d ssh disable >/dev/null 2>&1 || true
        say "the service of openssh-server stays off (turn it on with: systemctl enable --now ssh)"
    fi
}

# python_environment run|dev: .venv holds requirements/run.lock or dev.lock, by hash, and tuibackup itself.
python_environment() {
    ( : >>.setup.lock ) 2>/dev/null || fail "cannot write to $PWD; copy the repository to a folder of your own"
    exec 9>>.setup.lock
    if command -v flock >/dev/null; then flock 9; fi
    find_python
    stamp=.venv/.tuibackup-$1
    now=$({ "$python" --version; cat requirements/*.lock pyproject.toml; echo "$PWD"; } | sha256sum)
    if [ -x .venv/bin/python ] && .venv/bin/python -c '' 2>/dev/null; then
        # What scripts/test needs holds all that scripts/demo needs.
        for known in "$stamp" .venv/.tuibackup-dev; do
            if [ "$(cat "$known" 2>/dev/null)" = "$now" ]; then exec 9>&-; return; fi
        done
    else
        "$python" -m venv --clear --without-pip .venv || fail "$python cannot make .venv (see above)"
    fi
    say "installing Python packages into .venv from requirements/$1.lock"
    # Most modules of what the tests ask for are never read: Python compiles the others when it first reads them.
    compile=--compile
    if [ "$1" = dev ]; then compile=--no-compile; fi
    pip install "$compile" --require-hashes -r "requirements/$1.lock" &&
        pip install --no-deps --no-build-isolation --editable . ||
        fail "pip could not install the packages (see above)"
    echo "$now" >"$stamp"
    exec 9>&-
}

# The newest Python is not looked for: the system's own, if it will do, is the one that gets security fixes.
find_python() {
    for python in python3 python3.13 python3.12 python3.11 python3.14; do
        if "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then return; fi
    done
    fail "missing: Python 3.11 or newer"
}

# Debian has venv without ensurepip (that is python3-venv): the system's pip installs into .venv from outside.
pip() {
    for bridge in "$python -m pip --python .venv/bin/python" ".venv/bin/python -m pip"; do
        if $bridge --version >/dev/null 2>&1; then
            $bridge --quiet --disable-pip-version-check --no-input "$@"
            return
        fi
    done
    # Elsewhere it is the other way round: no pip outside, but one that comes with Python.
    if .venv/bin/python -m ensurepip >/dev/null 2>&1; then pip "$@"; return; fi
    need pip3=python3-pip
    "$python" -m pip --python .venv/bin/python --quiet --disable-pip-version-check --no-input "$@"
}

# What the playground needs: a server to log in to, a database, and what restore.sh uses.
need_playground() {
    need sshd=openssh-server ssh-keygen=openssh-client mariadbd=mariadb-server-core mariadb-dump=mariadb-client \
        zstd=zstd tar=tar find=findutils
}
