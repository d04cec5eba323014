# Configuration of applications: without comments and here-documents in `buffer`, in which finish() looks for keys.
function begin() { buffer = ""; section = ""; comment = 0; here = ""; name = FILENAME }
function scan(tag, before, value, sign,   rest, t) {
  rest = buffer
  while (match(rest, before value)) {
    t = substr(rest, RSTART, RLENGTH); rest = substr(rest, RSTART + RLENGTH)
    if (match(t, before) == 1) t = substr(t, RLENGTH + 1)
    sub(/[ \t\r]+$/, "", t)
    if (t != "" && (sign == "" || t !~ sign)) print tag "\t" esc(t)
  }
}
function address(tag, before,   rest, t, at, scheme, host) {
  rest = buffer
  while (match(rest, before "[a-z][a-z0-9+:]*://[^'\"\n ]+")) {
    t = substr(rest, RSTART, RLENGTH); rest = substr(rest, RSTART + RLENGTH)
    if (match(t, before) == 1) t = substr(t, RLENGTH + 1)
    sub(/\r$/, "", t)
    at = index(t, "://"); scheme = substr(t, 1, at - 1); t = substr(t, at + 3)
    while ((at = index(t, "@")) > 0) t = substr(t, at + 1)
    at = index(t, "/"); host = substr(t, 1, at - 1); t = substr(t, at + 1); sub(/[?].*$/, "", t)
    if (at > 0 && t ~ /^[A-Za-z0-9_-]+$/ && host ~ /^([A-Za-z0-9._-]*|\[[0-9a-f:]+\])(:[0-9]+)?$/)
      print tag "\t" esc(t) "\t" esc(host) "\t" esc(scheme)
  }
}
length(buffer) > 2000000 { next }
{
  s = $0; sub(/\r$/, "", s)
  if (here != "") { if (s ~ "^[ \t]*" here) here = ""; else next }
  if (comment) { at = index(s, "*/"); if (!at) next; s = substr(s, at + 2); comment = 0 }
  if (s ~ /^[ \t]*(#|;|\/\/|--)/) next
  while (match(s, /(^|[ \t;,({])\/\*/)) {
    head = substr(s, 1, RSTART + RLENGTH - 3); s = substr(s, RSTART + RLENGTH); at = index(s, "*/")
    if (at) s = head substr(s, at + 2); else { s = head; comment = 1; break }
  }
  sub(/(^|[ \t;,(){}])\/\/.*$/, "", s); sub(/[ \t]#.*$/, "", s)
  if (match(s, /<<<[ \t]*["']?[A-Za-z_][A-Za-z_0-9]*/)) {
    here = substr(s, RSTART, RLENGTH); s = substr(s, 1, RSTART - 1); sub(/^<<<[ \t]*["']?/, "", here)
  }
  if (s ~ /^[ \t]*\[[A-Za-z_]+\][ \t]*$/) { section = s; gsub(/[^A-Za-z_]/, "", section); next }
  if (section != "") sub(/^[ \t]+/, "", s)
  buffer = buffer "\n" (section == "" ? "" : section ".") s
}
