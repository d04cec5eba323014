# Compose files: what stands below "volumes:" and is a folder, `./data:/x`, `/srv/x:/y:ro`, `name:/x`, source:, device:.
function finish() { }
function begin() { inside = -1 }
function item(t) {
  gsub(/^[ \t]+|[ \t]+$/, "", t); gsub(/^["']|["']$/, "", t)
  if (match(t, /^([$][{][A-Za-z_0-9]+(:?-[^}]*)?[}][^:]*|[^:${}]+):\//)) print "volume\t" esc(substr(t, 1, RLENGTH - 2))
}
{
  sub(/\r$/, ""); sub(/[ \t]+#.*$/, "")
  if ($0 ~ /^[ \t]*(#|$)/) next
  match($0, /^ */); indent = RLENGTH; s = substr($0, indent + 1)
  if (inside >= 0 && (indent < inside || (indent == inside && s !~ /^-/))) inside = -1
  if (s ~ /^["']?volumes["']?:/) {
    inside = indent; sub(/^[^:]*:[ \t]*/, "", s)
    if (s ~ /^\[/) { gsub(/^\[|\].*$/, "", s); count = split(s, part, /,/); for (i = 1; i <= count; i++) item(part[i]); inside = -1 }
    next
  }
  if (inside < 0) next
  if (s ~ /^- /) sub(/^-[ \t]+/, "", s); else if (s !~ /^["']?(source|src|device)["']?:/) next
  if (s ~ /^["']?(source|src|device)["']?:/) { sub(/^[^:]*:[ \t]*/, "", s); gsub(/^["']|["' \t]+$/, "", s); if (s ~ /^(\.|~|\/|[$])/) print "volume\t" esc(s) }
  else item(s)
}
