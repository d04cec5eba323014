# php.ini and pools of php-fpm: settings by name; of the environment, and of what is not known, names alone or nothing.
/^[ \t]*(;|#|$)/ { next }
{ sub(/\r$/, ""); sub(/^[ \t]+/, "") }
/^\[[A-Za-z0-9_.= -]+\][ \t]*$/ { say($0); next }
match($0, /^[][A-Za-z_.0-9-]+[ \t]*=[ \t]*/) {
  value = substr($0, RLENGTH + 1); name = $0; sub(/[ \t]*=.*$/, "", name)
  sub(/[ \t]+;.*$/, "", value)
  inner = name; sub(/^php_(admin_)?(value|flag)\[/, "", inner); sub(/\]$/, "", inner)
  if (name ~ /^(user|group|listen([.][a-z_]+)?|pm([.][a-z_]+)?|chdir|chroot|slowlog|access[.]log|request_[a-z_]+|security[.]limit_extensions|clear_env|catch_workers_output|rlimit_[a-z]+|include|pid|prefix)$/ || known(inner)) say(name " = " plain(value))
  else if (name == "session.save_path") say(name " = " (value ~ /^"?\// ? plain(value) : address(value)))
  else if (name ~ /^env\[/) say(name " = ...")
}
