# For the programs that pick facts: a value without what may be a secret. What is left out is "...".
function random(t) { return length(t) >= 16 && t ~ /[0-9]/ && t ~ /[A-Za-z]/ && t !~ /[.\/]/ }
function address(t,   at, head, count, part, i) {
  head = ""; at = index(t, "://")
  if (at) {
    head = substr(t, 1, at + 2); t = substr(t, at + 3)
    while ((at = index(t, "@")) > 0) { t = substr(t, at + 1); if (head !~ /@$/) head = head "...@" }
    sub(/[?#].*$/, "?...", t)
  }
  if (!index(t, "/")) return head t
  count = split(t, part, "/"); t = head part[1]
  for (i = 2; i <= count; i++) t = t "/" (random(part[i]) ? "..." : part[i])
  return t
}
function plain(line,   count, word, i, t) {
  count = split(line, word, /[ \t]+/); t = ""
  for (i = 1; i <= count; i++) t = t (i > 1 ? " " : "") address(word[i])
  return t
}
# Of a command: its programs, and words that are paths of something there. An argument may be a password.
function command(line,   count, word, i, t, first, kept, left, name) {
  count = split(line, word, /[ \t]+/); first = 1; left = 0; t = ""
  for (i = 1; i <= count && i < 80; i++) {
    kept = ""
    if (word[i] == "") continue
    if (word[i] ~ /^(&&|[|][|]|[|]|;|[0-9]?>>?|<|&|[0-9]?>&[0-9])$/) { kept = word[i]; first = word[i] !~ /[<>]/ }
    else if (word[i] ~ /^[0-9]?>*\/[A-Za-z0-9_.\/+-]*;?$/) {
      name = word[i]; sub(/^[0-9]?>*/, "", name); sub(/;$/, "", name)
      if (system("test -e " ENVIRON["R"] name " || test -e " name) == 0) kept = word[i]
      first = 0
    } else if (first && word[i] ~ /^[a-z][a-z0-9_.+-]*$/) { kept = word[i]; first = 0 }
    else if (word[i] !~ /=/) first = 0
    if (kept == "") { if (!left) t = t " ..."; left = 1 }
    else { t = t " " kept; left = 0 }
  }
  return substr(t, 2)
}
