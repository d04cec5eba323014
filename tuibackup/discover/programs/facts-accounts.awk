# passwd: name, number, group, home, shell; group: name, number, members. No password, no full name.
BEGIN { FS = ":" }
/^[+-]/ || NF < 3 { next }
NF >= 7 { say($1 ":" $3 ":" $4 ":" $6 ":" $7); next }
NF == 4 { say($1 ":" $3 ":" $4) }
