# Apache (its words come from apache-words.awk): folders, includes, macros, and of defines and macros' arguments those in WANTED.
function finish() { }
function begin() { before = "" }
function directive() {
  d = tolower(part[1])
  if (d ~ /^</) sub(/>$/, "", part[count])
  if (d ~ /^(documentroot|virtualdocumentroot|serverroot|servername)$/ && count > 1) print d "\t" esc(part[2])
  else if (d ~ /^(include|includeoptional)$/ && count > 1) print "include\t" esc(part[2])
  else if (d ~ /^(scriptalias|alias|wsgiscriptalias|aliasmatch|scriptaliasmatch)$/ && count > 2)
    print (d ~ /wsgi/ ? "file" : "alias") "\t" esc(part[3])
  else if (d == "define" && count > 2 && index(WANTED, " " part[2] " ")) print "define\t" esc(part[2]) "\t" esc(part[3])
  else if (d == "export" && match(part[2], /^[A-Za-z_0-9]+=/)) {
    name = substr(part[2], 1, RLENGTH - 1)
    if (index(WANTED, " " name " ")) { value = substr(part[2], RLENGTH + 1); gsub(/["']/, "", value); print "define\t" esc(name) "\t" esc(value) }
  }
  else if (d ~ /^<virtualhost/) print "{"
  else if (d ~ /^<\/virtualhost/) print "}"
  else if (d == "<macro") { line = "macro"; for (i = 2; i <= count; i++) line = line "\t" esc(part[i]); print line }
  else if (d ~ /^<\/macro/) print "endmacro"
  else if (d == "use" && count > 1) {
    line = "use\t" esc(part[2])
    for (i = 3; i <= count; i++) line = line "\t" (index(WANTED, " use:" tolower(part[2]) ":" i - 2 " ") ? esc(part[i]) : "")
    print line
  }
}
