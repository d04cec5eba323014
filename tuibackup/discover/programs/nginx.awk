# nginx: folders, includes, and the values of the variables in WANTED; blocks as braces, where anything is in them.
# Words come from nginx-words.awk.
function finish() { }
function begin() { quote = ""; count = 0; held = 0; depth = 0; raw = 0; map = "" }
function emit(line) { while (held > 0) { print "{"; held-- }; print line }
function directive(  d) {
  d = part[1]
  if (map != "") { if (count == 2) print "mapped\t" esc(map) "\t" esc(part[2]) }
  else if ((d == "root" || d == "alias" || d == "include") && count > 1) emit(d "\t" esc(part[2]))
  else if (d == "server_name") { for (i = 2; i <= count; i++) if (part[i] !~ /^_?$/) { emit("name\t" esc(part[i])); break } }
  else if (d == "set" && count == 3 && index(WANTED, " " part[2] " ")) emit("set\t" esc(part[2]) "\t" esc(part[3]))
  else if (d ~ /^(fastcgi|scgi|uwsgi)_param$/ && count > 2 && (part[2] == "DOCUMENT_ROOT" || part[2] == "SCRIPT_FILENAME"))
    emit("file\t" esc(part[3]))
  count = 0
}
function opened() {
  if (part[1] ~ /_by_lua_block$/) { raw = 1; count = 0; return }
  if (part[1] == "map" && index(WANTED, " " part[3] " ")) map = part[3]
  held++; depth++; count = 0
}
function closed() { map = ""; count = 0; if (held > 0) held--; else print "}" }
