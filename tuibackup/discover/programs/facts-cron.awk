# Crontabs: when, who, and of the command what is no argument. SYSTEM: a line names the account.
function time(t) { return tolower(t) ~ /^(@[a-z]+|([0-9*,\/~-]|jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec|mon|tue|wed|thu|fri|sat|sun)+)$/ }
/^[ \t]*(#|$)/ { next }
{ sub(/\r$/, ""); sub(/^[ \t]+/, "") }
/^[A-Za-z_][A-Za-z0-9_]*[ \t]*=/ {
  name = $0; sub(/[ \t]*=.*$/, "", name)
  say(name "=" (name ~ /^(SHELL|PATH|MAILTO|MAILFROM|HOME|LANG|LC_ALL|TZ|CRON_TZ|RANDOM_DELAY|START_HOURS_RANGE)$/ ? plain(substr($0, index($0, "=") + 1)) : "..."))
  next
}
{
  when = ""; rest = $0; number = $1 ~ /^@[a-z]+$/ ? 1 : 5
  for (i = 1; i <= number; i++) {
    match(rest, /^[^ \t]+/); word = substr(rest, 1, RLENGTH); rest = substr(rest, RLENGTH + 1); sub(/^[ \t]+/, "", rest)
    when = when (i > 1 ? " " : "") (time(word) ? word : "...")
  }
  if (ENVIRON["SYSTEM"] != "") {
    match(rest, /^[^ \t]+/); word = substr(rest, 1, RLENGTH); rest = substr(rest, RLENGTH + 1); sub(/^[ \t]+/, "", rest)
    when = when " " (word ~ /^[a-z_][a-z0-9_.-]*$/ ? word : "...")
  }
  say(when " " command(rest))
}
