# Units of systemd and supervisor. Of a command only words that are paths of something there: an argument may be a password.
function finish() { }
function begin() { }
/^[ \t]*(#|;)/ { next }
match($0, /^[ \t]*(WorkingDirectory|RootDirectory|directory)[ \t]*=[ \t]*/) {
  value = substr($0, RLENGTH + 1); sub(/\r$/, "", value); sub(/[ \t]+;.*$/, "", value); gsub(/^[-"'~]+|["' \t]+$/, "", value)
  if (value ~ /^\//) print "folder\t" esc(value)
  next
}
match($0, /^[ \t]*(ExecStart|command)[ \t]*=[ \t]*[-@:+!]*/) {
  count = split(substr($0, RLENGTH + 1), part, /[ \t"']+/)
  for (i = 1; i <= count && i < 40; i++)
    if (part[i] ~ /^\/[A-Za-z0-9_.\/+-]+$/ && system("test -e " part[i]) == 0) print "file\t" esc(part[i])
}
