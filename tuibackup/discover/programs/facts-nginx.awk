# nginx: what a site is, by the names of directives; of all others nothing. Words come from nginx-words.awk.
function begin() { quote = ""; count = 0; raw = 0; hidden = 0; depth = 0; others = 0 }
function finish() { if (others) say("(others: " others ")"); others = 0 }
function quoted(t) { t = address(t); return t ~ /[ ;{}]/ ? "\"" t "\"" : t }
function indent(  t, i) { t = ""; for (i = 0; i < depth; i++) t = t "  "; return t }
function directive(  i, t) {
  if (count == 0) return
  if (hidden) { count = 0; return }
  t = part[1]
  if (t ~ /^(user|worker_processes|worker_connections|pid|include|load_module|listen|server_name|root|alias|index|try_files|client_max_body_size|keepalive_timeout|sendfile|gzip|gzip_types|charset|default_type|autoindex|error_page|access_log|error_log|ssl_certificate|ssl_certificate_key|ssl_protocols|ssl_prefer_server_ciphers|ssl_session_cache|ssl_session_timeout|ssl_dhparam|http2|fastcgi_pass|fastcgi_index|fastcgi_split_path_info|fastcgi_read_timeout|fastcgi_buffers|fastcgi_buffer_size|uwsgi_pass|scgi_pass|proxy_pass|proxy_read_timeout|proxy_http_version|proxy_buffering|proxy_redirect|expires|internal|deny|allow|resolver|server_tokens|types_hash_max_size|ip_hash|least_conn|keepalive)$/) {
    for (i = 2; i <= count; i++) t = t " " quoted(part[i])
    say(indent() t)
  } else if (t == "server" && count > 1 && part[2] ~ /^(unix:\/|[a-z0-9.-]+(:[0-9]+)?$)/) say(indent() t " " part[2])
  else others++
  count = 0
}
function opened(  t, i) {
  t = count ? part[1] : ""
  if (t ~ /_by_lua_block$/) { raw = 1; count = 0; others++; return }
  if (hidden || t !~ /^(http|events|stream|mail|server|location|upstream|types)$/ || t == "types") { hidden++; count = 0; return }
  for (i = 2; i <= count; i++) t = t " " quoted(part[i])
  say(indent() t " {"); depth++; count = 0
}
function closed() {
  count = 0
  if (hidden) { hidden--; return }
  if (depth > 0) depth--
  say(indent() "}")
}
