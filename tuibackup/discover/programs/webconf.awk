# Hestia and Vesta: a line of NAME='value' pairs for each site.
function finish() { }
function begin() { }
{
  site = ""; folder = ""
  if (match($0, /(^| )DOMAIN='[^']*'/)) { site = substr($0, RSTART, RLENGTH); sub(/^[^']*'/, "", site); sub(/'$/, "", site) }
  if (match($0, /(^| )CUSTOM_DOCROOT='[^']+'/)) { folder = substr($0, RSTART, RLENGTH); sub(/^[^']*'/, "", folder); sub(/'$/, "", folder) }
  if (site != "") print "site\t" esc(site) "\t" esc(folder)
}
