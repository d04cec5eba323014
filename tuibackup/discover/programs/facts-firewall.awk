# Rules without comments and without the texts that they look for; of texts in quotes names of interfaces alone.
/^[ \t]*(#|$)/ { next }
{
  count = split($0, word, /[ \t]+/); line = ""; before = ""; hidden = 0; quoted = 0
  match($0, /^[ \t]*/); line = substr($0, 1, RLENGTH)
  for (i = 1; i <= count; i++) {
    t = word[i]
    if (t == "") continue
    if (quoted) { if (t ~ /"[;,]?$/) quoted = 0; continue }
    if (t ~ /^[{]?"/) {
      if (t !~ /^[{]?".*"[;,}]*$/ || t == "\"") quoted = 1
      t = before ~ /^([io]if(name)?|-[io]|[{,]|elements)$/ && !quoted ? t : "..."
    } else if (before ~ /^--(comment|string|hex-string|log-prefix|nflog-prefix)$/ || (before ~ /^(comment|prefix)$/ && t !~ /^--/)) t = "..."
    gsub(/<(short|description)>.*$/, "", t)
    line = line (i > 1 && line !~ /[ \t]$/ && line != "" ? " " : "") t
    before = t
  }
  say(line)
}
