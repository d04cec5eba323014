# Apache: what a site is, by the names of directives; of all others nothing. Words come from apache-words.awk.
function begin() { before = ""; others = 0 }
function finish() { if (others) say("(others: " others ")"); others = 0 }
function quoted(t) { t = address(t); return t ~ /[ <>]/ ? "\"" t "\"" : t }
function directive(  d, i, t) {
  d = tolower(part[1])
  if (d ~ /^</) { sub(/>$/, "", d); sub(/>$/, "", part[count]) }
  if (d ~ /^<\/?(virtualhost|directory|directorymatch|files|filesmatch|location|locationmatch|ifmodule|ifdefine|ifversion|proxy|limit|limitexcept)$/ ||
      d ~ /^(serverroot|servername|serveralias|serveradmin|documentroot|virtualdocumentroot|listen|user|group|include|includeoptional|loadmodule|directoryindex|allowoverride|options|errorlog|loglevel|transferlog|alias|scriptalias|sethandler|addhandler|addtype|adddefaultcharset|timeout|keepalive|keepalivetimeout|maxkeepaliverequests|startservers|minspareservers|maxspareservers|maxrequestworkers|maxconnectionsperchild|threadsperchild|serverlimit|sslengine|sslcertificatefile|sslcertificatekeyfile|sslcertificatechainfile|sslprotocol|sslciphersuite|proxypass|proxypassreverse|proxypreservehost|rewriteengine|limitrequestbody|servertokens|serversignature|usecanonicalname|mutex|pidfile|accessfilename)$/) {
    t = part[1]
    for (i = 2; i <= count; i++) t = t " " quoted(part[i])
    say(t (d ~ /^</ ? ">" : ""))
  } else if (d == "customlog" && count > 1) say(part[1] " " (part[2] ~ /^[|]/ ? "..." : part[2]))
  else if (d == "require" && count > 1 && part[2] ~ /^(all|ip|local|not|host)$/) { t = part[1]; for (i = 2; i <= count; i++) t = t " " part[i]; say(t) }
  else if (d ~ /^php_(admin_)?(value|flag)$/ && count > 2 && known(part[2])) say(part[1] " " part[2] " " address(part[3]))
  else others++
}
