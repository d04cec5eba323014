# nginx's words: `part[1..count]` of each directive, which ends in directive(), opened() or closed().
function push(word) { if (count < 40) part[++count] = word }
length($0) > 100000 { next }
{
  s = $0; sub(/\r$/, "", s)
  if (quote != "") word = word "\n"
  while (s != "") {
    if (raw > 0) {
      if (!match(s, /[{}]/)) break
      raw += substr(s, RSTART, 1) == "{" ? 1 : -1; s = substr(s, RSTART + 1); continue
    }
    if (quote != "") {
      if (match(s, quote == "\"" ? "^[^\"\\\\]+" : "^[^'\\\\]+")) { word = word substr(s, 1, RLENGTH); s = substr(s, RLENGTH + 1) }
      else if (substr(s, 1, 1) == "\\") { word = word (substr(s, 2, 1) ~ /["'\\]/ ? "" : "\\") substr(s, 2, 1); s = substr(s, 3) }
      else { quote = ""; push(word); s = substr(s, 2) }
      continue
    }
    if (match(s, /^[ \t]+/)) { s = substr(s, RLENGTH + 1); continue }
    c = substr(s, 1, 1)
    if (c == "#") break
    if (c == "\"" || c == "'") { quote = c; word = ""; s = substr(s, 2); continue }
    if (c == ";") { directive(); s = substr(s, 2); continue }
    if (c == "{") { opened(); s = substr(s, 2); continue }
    if (c == "}") { closed(); s = substr(s, 2); continue }
    word = ""
    while (s != "") {
      if (match(s, /^[^ \t;{\\]+/)) { word = word substr(s, 1, RLENGTH); s = substr(s, RLENGTH + 1) }
      else if (substr(s, 1, 1) == "\\") { word = word (substr(s, 2, 1) ~ /["'\\]/ ? "" : "\\") substr(s, 2, 1); s = substr(s, 3) }
      else if (substr(s, 1, 1) == "{" && word ~ /\$$/) { word = word "{"; s = substr(s, 2) }
      else break
    }
    push(word)
  }
}
