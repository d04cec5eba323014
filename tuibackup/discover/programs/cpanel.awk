# cPanel: "DOMAIN: OWNER==USER==main==DOMAIN==FOLDER==…".
function finish() { }
function begin() { }
{ at = index($0, ": "); if (!at) next
  count = split(substr($0, at + 2), part, "==")
  if (count > 4 && part[5] ~ /^\//) print "site\t" esc(substr($0, 1, at - 1)) "\t" esc(part[5]) }
