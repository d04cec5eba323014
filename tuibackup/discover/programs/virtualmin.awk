# Virtualmin: NAME=value on a line, a file for each domain.
function finish() { }
function begin() { }
/^(public_html_path|home)=\// { at = index($0, "="); print "folder\t" esc(substr($0, at + 1)) }
/^db_mysql=[A-Za-z0-9_ .-]+$/ { count = split(substr($0, 10), part, " "); for (i = 1; i <= count; i++) print "database\t" esc(part[i]) }
