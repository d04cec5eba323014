# Units of systemd and supervisor that are this server's own; of the environment names of variables alone.
/^[ \t]*(#|;|$)/ { next }
{ sub(/\r$/, ""); sub(/^[ \t]+/, "") }
match($0, /^[A-Za-z_]+[ \t]*=[ \t]*/) {
  name = $0; sub(/[ \t]*=.*$/, "", name); value = substr($0, RLENGTH + 1)
  if (name ~ /^(Exec(Start|StartPre|StartPost|Reload|Stop)|command)$/) { sub(/^[-@:+!]+/, "", value); say(name "=" command(value)) }
  else if (name ~ /^(User|Group|WorkingDirectory|RootDirectory|Type|Restart|RestartSec|After|Requires|Wants|WantedBy|OnCalendar|OnBootSec|OnUnitActiveSec|Unit|EnvironmentFile|PIDFile|user|directory|numprocs|autostart|autorestart)$/)
    say(name "=" plain(value))
  else if (name ~ /^(Environment|environment)$/) say(name "=...")
}
