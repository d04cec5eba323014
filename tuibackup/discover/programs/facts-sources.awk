# Where packages come from, without credentials.
{ sub(/\r$/, "") }
/^[ \t]*(deb|deb-src)[ \t]/ || /^(http|https|ftp|\/|@)[^ ]*/ { say(plain($0)); next }
/^[ \t]*(Types|URIs|Suites|Components|Enabled|Architectures)[ \t]*:/ { say(plain($0)); next }
/^\[[A-Za-z0-9_.:\/ -]+\][ \t]*$/ { say($0); next }
match($0, /^[ \t]*(name|baseurl|mirrorlist|metalink|enabled|Server|Include)[ \t]*=[ \t]*/) { value = substr($0, RLENGTH + 1); name = $0; sub(/[ \t]*=.*$/, "", name); say(name "=" plain(value)) }
