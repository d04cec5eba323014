# Apache's words: `part[1..count]` of each directive, which is given to directive().
{
  s = before $0; before = ""; sub(/\r$/, "", s)
  if (length(s) > 100000) next
  if (s ~ /\\$/) { before = substr(s, 1, length(s) - 1); next }
  if (s ~ /^[ \t]*(#|$)/) next
  count = 0
  while (s != "" && count < 40) {
    if (match(s, /^[ \t]+/)) { s = substr(s, RLENGTH + 1); continue }
    c = substr(s, 1, 1); word = ""
    if (c == "\"" || c == "'") {
      s = substr(s, 2)
      while (s != "" && substr(s, 1, 1) != c) {
        if (substr(s, 1, 2) == "\\" c) s = substr(s, 2)
        word = word substr(s, 1, 1); s = substr(s, 2)
      }
      s = substr(s, 2)
    } else { match(s, /^[^ \t]+/); word = substr(s, 1, RLENGTH); s = substr(s, RLENGTH + 1) }
    part[++count] = word
  }
  directive()
}
