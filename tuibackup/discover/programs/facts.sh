# What a rebuild needs to know of this server, part by part; nothing is changed, and what may be a secret is not printed.
# A part: its lines, a line $END, what its programs complained of, a line $END. Lines from files are picked by awk programs:
# by name, and without what may be a password. It is done at each run of each server: a program that is not started, a shell's
# child that is not made, is worth a longer line here.
exec 4>&1
PATH=$PATH:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin; export PATH
few() {
  left=20
  while [ "$left" -gt 0 ] && IFS= read -r line; do printf '%s\n' "$line"; left=$((left - 1)); done
}
part() {
  said=$("part_$1" 2>&1 >&4 </dev/null | few)
  printf '\n%s\n%s\n%s\n' "$END" "$said" "$END"
}
# A web server's root in a folder of its own ($R) has programs of its own, too.
has() {
  [ -n "$R" ] || { command -v "$1" >/dev/null 2>&1; return; }
  for folder in usr/local/sbin usr/local/bin usr/sbin usr/bin sbin bin; do [ ! -x "$R/$folder/$1" ] || return 0; done
  return 1
}
[ -z "$R" ] || PATH=$R/usr/local/bin:$R/usr/sbin:$R/usr/bin:$R/sbin:$R/bin:$PATH
# By root's right, where sudo allows find and tar: find starts the rest.
root() { $SUDO ${SUDO:+find / -prune -exec} "$@" ${SUDO:+;}; }
text() {
  if [ -r "$1" ] || [ -z "$SUDO" ]; then cat -- "$1"
  else { $SUDO tar -chf - -- "$1" | tar -xOf -; } 2>/dev/null || cat -- "$1"; fi
}
# What lies in a folder: as `found FOLDER PATTERNS`. One that is closed is listed by sudo, or complained of.
names() {
  folder=$1; shift
  [ -d "$folder" ] || return 0
  if [ -r "$folder" ] && [ -x "$folder" ]; then for name; do [ ! -f "$folder/$name" ] || printf '%s\n' "$folder/$name"; done
  elif [ -n "$SUDO" ]; then $SUDO find "$folder" -maxdepth 1 ! -type d
  else ls -- "$folder" >/dev/null; fi
}
found() { folder=$1; if [ -d "$1" ] && cd "$1" 2>/dev/null; then set -- $2; cd /; fi; names "$folder" "$@"; }
# Of the files that are named on standard input what an awk program picks, behind each file's name. One awk reads them all.
pick() {
  program=$1; SYSTEM=$2; export SYSTEM; set --
  while IFS= read -r name; do
    if [ -f "$name" ] && [ -r "$name" ]; then set -- "$@" "$name"
    else text "$name" | NAME=$name awk "$program"; fi
    [ $# -lt 100 ] || { awk "$program" "$@"; set --; }
  done
  [ $# -eq 0 ] || awk "$program" "$@"
}
files() { for name; do [ ! -e "$name" ] || printf '%s\n' "$name"; done; }

part_system() {
  for name in "$R/etc/os-release" "$R/usr/lib/os-release"; do
    [ -e "$name" ] || continue
    sed -n -e 's/"//g' -e '/^PRETTY_NAME=/p' -e '/^ID=/p' -e '/^VERSION_ID=/p' -e '/^VERSION_CODENAME=/p' "$name"
    break
  done
  echo "kernel=$(uname -srm)"
  [ ! -r "$R/etc/debian_version" ] || { read -r line; echo "debian=$line"; } <"$R/etc/debian_version"
  [ ! -r "$R/etc/hostname" ] || { read -r line; echo "hostname=$line"; } <"$R/etc/hostname"
  [ ! -h "$R/etc/localtime" ] || { zone=$(readlink "$R/etc/localtime"); echo "timezone=${zone##*zoneinfo/}"; }
  number=$(grep -c '^processor' /proc/cpuinfo 2>/dev/null) && echo "processors=$number"
  [ ! -r /proc/meminfo ] || while read -r name value line; do
    case $name in MemTotal:) echo "memory_kib=$value"; break;; esac
  done </proc/meminfo
}
part_packages() {
  if [ -d "$R/var/lib/dpkg" ] && has dpkg-query; then
    dpkg-query --admindir="$R/var/lib/dpkg" -W -f '${db:Status-Abbrev}\t${Package} ${Version} ${Architecture}\n' |
      awk 'sub(/^.i *\t/, "") { print; if (++count > 4000) exit }'
  elif [ -f "$R/var/lib/dpkg/status" ]; then
    awk '/^Package:/ { name = $2 } /^Status:/ { on = / installed$/ } /^Architecture:/ { kind = $2 }
      /^Version:/ { if (on) print name, $2, kind }' "$R/var/lib/dpkg/status"
  elif [ -f "$R/lib/apk/db/installed" ]; then
    awk '/^P:/ { name = substr($0, 3) } /^V:/ { print name, substr($0, 3) }' "$R/lib/apk/db/installed"
  elif has rpm && [ -d "$R/var/lib/rpm" -o -d "$R/usr/lib/sysimage/rpm" ]; then
    rpm -qa --qf '%{NAME} %{VERSION}-%{RELEASE} %{ARCH}\n' | sort | head -n 4001
  elif has pacman; then pacman -Q
  else echo 'no dpkg, rpm, apk or pacman here' >&2; fi
}
# Those that somebody asked for; the rest came with them.
part_chosen() {
  if [ -d "$R/var/lib/dpkg" ]; then
    # As `apt-mark showmanual`, which takes a second of a processor. dpkg is of the machine's own architecture.
    set -- "$R/var/lib/apt/extended_states"; [ -e "$1" ] || set -- /dev/null
    [ ! -f "$R/var/lib/dpkg/status" ] || awk "$CHOSEN" states=1 "$1" states= "$R/var/lib/dpkg/status" | sort
  elif [ -f "$R/etc/apk/world" ]; then tr ' ' '\n' <"$R/etc/apk/world"
  elif has dnf; then dnf -q -C repoquery --userinstalled --qf '%{name}\n' | sort -u | head -n 4001
  elif has pacman; then pacman -Qqe
  fi
}
part_sources() {
  { files "$R/etc/apt/sources.list" "$R/etc/apk/repositories" "$R/etc/pacman.conf"
    found "$R/etc/apt/sources.list.d" '*.list *.sources'; found "$R/etc/yum.repos.d" '*.repo'; } | pick "$SOURCES"
}
part_accounts() { files "$R/etc/passwd" | pick "$ACCOUNTS"; }
part_groups() { files "$R/etc/group" | pick "$ACCOUNTS"; }
part_mounts() { { files "$R/etc/fstab"; [ -n "$R" ] || files /proc/mounts; } | pick "$MOUNTS"; }
part_units() {
  if [ -z "$R" ] && has systemctl && [ -d /run/systemd/system ]; then
    systemctl list-unit-files --state=enabled --no-legend --no-pager --full </dev/null | awk '{ print $1 }'
  elif set -- "$R"/etc/systemd/system/*.wants && [ -e "$1" ]; then ls "$@" | awk 'NF && !/:$/ && !seen[$0]++'
  elif [ -d "$R/etc/runlevels" ]; then
    for name in "$R"/etc/runlevels/*/*; do [ ! -e "$name" ] && [ ! -h "$name" ] || echo "${name#"$R/etc/runlevels/"}"; done
  elif [ -d "$R/etc/rc3.d" ]; then ls "$R/etc/rc3.d" | sed -n 's/^S[0-9]*//p'
  else echo 'neither systemd, OpenRC nor runlevels here' >&2; fi
  { found "$R/etc/systemd/system" '*.service *.timer'; found "$R/etc/supervisor/conf.d" '*.conf'
    found "$R/etc/supervisord.d" '*.ini'; } | pick "$UNITS"
}
part_crontabs() {
  { files "$R/etc/crontab" "$R/etc/anacrontab"; found "$R/etc/cron.d" '*'; } | pick "$CRON" 1
  for folder in "$R/var/spool/cron/crontabs" "$R/var/spool/cron/tabs" "$R/etc/crontabs" "$R/var/spool/cron"; do
    [ ! -d "$folder" ] || { found "$folder" '*' | pick "$CRON"; break; }
  done
  for when in hourly daily weekly monthly; do
    for name in "$R/etc/cron.$when"/*; do [ ! -f "$name" ] || echo "$when ${name#"$R"}"; done
  done
}
part_listening() {
  if has ss; then root ss -Hlntup | awk '{ name = ""; if (match($0, /\(\("[^"]*"/)) name = substr($0, RSTART + 3, RLENGTH - 4)
      print $1, $5, name }' | sort -u
  elif has netstat; then netstat -lntup | awk '$1 ~ /^(tcp|udp)/ { name = $NF; sub(/^[0-9]*\//, "", name)
      print $1, $4, (name ~ /^[a-z]/ ? name : "") }' | sort -u
  else echo 'neither ss nor netstat here' >&2; fi
}
# Not of BusyBox, whose `httpd -v` starts a web server. What starts slowly is asked in another way.
version() {
  has "$1" || return 0
  path=$(command -v "$1"); [ ! -h "$path" ] || path=$(readlink -f "$path")
  case $path in
    *[bB]usy[bB]ox*) return;;
    */pg_wrapper) for path in "$R"/usr/lib/postgresql/*/bin/psql; do [ ! -x "$path" ] || "$path" --version; done; return;;
    */bin/java) ! released "${path%/bin/java}/release" || return 0;;
  esac
  said=$("$@" 2>&1); [ -z "$said" ] || printf '%s\n' "${said%%"$newline"*}"
}
newline='
'
# What a Java tells of itself beside its programs; 1 where there is nothing.
released() {
  java=; build=
  [ -r "$1" ] && while IFS= read -r line; do
    line=${line%\"}
    case $line in JAVA_VERSION=*) java=${line#*=\"};; JAVA_RUNTIME_VERSION=*) build=${line#*=\"};; esac
  done <"$1"
  [ -n "$java" ] && echo "java version \"$java\"${build:+ (build $build)}"
}
part_versions() {
  version nginx -v; version apache2 -v; version httpd -v; version lshttpd -v; version caddy version; version php -n -v
  for name in "$R"/etc/php/*/fpm "$R"/usr/sbin/php-fpm*; do [ ! -e "$name" ] || echo "${name#"$R"}"; done
  version python3 --version; version node --version; version java -version;
  version redis-server --version; version memcached -V; version psql --version; version docker --version
}
part_web() {
  { files "$R/etc/nginx/nginx.conf"; for name in conf.d sites-enabled http.d default.d; do found "$R/etc/nginx/$name" '*'; done
    files "$R/www/server/nginx/conf/nginx.conf"; found "$R/www/server/panel/vhost/nginx" '*.conf'; } | pick "$NGINX"
  { files "$R/etc/apache2/apache2.conf" "$R/etc/apache2/ports.conf" "$R/etc/apache2/httpd.conf" "$R/etc/httpd/conf/httpd.conf"
    for name in apache2/conf-enabled apache2/sites-enabled apache2/conf.d apache2/vhosts.d httpd/conf.d httpd/conf.modules.d; do
      found "$R/etc/$name" '*.conf'
    done; } | pick "$APACHE"
  [ ! -d "$R/etc/apache2/mods-enabled" ] || { printf '# /etc/apache2/mods-enabled\n'; ls "$R/etc/apache2/mods-enabled" | sed -n 's/\.load$//p'; }
}
part_php() {
  for folder in "$R"/etc/php/*/* "$R"/etc/php[0-9]* "$R/usr/local/etc/php" "$R"/www/server/php/*/etc; do
    [ -d "$folder" ] || continue
    files "$folder/php.ini" "$folder/php-fpm.conf"
    found "$folder/pool.d" '*.conf'; found "$folder/php-fpm.d" '*.conf'
  done | pick "$PHP"
  { files "$R/etc/php.ini" "$R/etc/php-fpm.conf"; found "$R/etc/php-fpm.d" '*.conf'; found "$R/etc/php.d" '*.ini'; } | pick "$PHP"
  ! has php || { printf '# php -m\n'; php -m | grep -E '^[A-Za-z]' | tr '\n' ' '; echo; }
}
part_firewall() {
  done=
  if has nft; then done=y; root nft list ruleset | awk "$FIREWALL"; fi
  if has iptables-save; then done=y; root iptables-save | awk "$FIREWALL"; fi
  if has ufw; then done=y; root ufw status verbose | awk "$FIREWALL"; fi
  if has firewall-cmd; then done=y; root firewall-cmd --list-all-zones | awk "$FIREWALL"; fi
  { files "$R/etc/nftables.conf" "$R/etc/iptables/rules.v4" "$R/etc/iptables/rules.v6" "$R/etc/sysconfig/iptables"
    files "$R/etc/ufw/user.rules" "$R/etc/ufw/user6.rules"; found "$R/etc/firewalld/zones" '*.xml'; } | pick "$FIREWALL"
  [ -n "$done" ] || echo 'none of nft, iptables-save, ufw and firewall-cmd here' >&2
}
part_disks() { [ -n "$R" ] || df -P -k -l; }
