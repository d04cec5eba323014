# OpenLiteSpeed: "key value" on a line.
function finish() { }
function begin() { }
{
  sub(/\r$/, ""); if ($0 ~ /^[ \t]*(#|$)/) next
  key = tolower($1); value = $0; sub(/^[ \t]*[^ \t]+[ \t]*/, "", value); sub(/[ \t]*[{]?[ \t]*$/, "", value)
  if (key ~ /^(virtualhost|vhroot|configfile|docroot|location)$/ && value != "") print key "\t" esc(value)
}
