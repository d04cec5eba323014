# Packages that are installed and that apt does not call automatic. With `states` a line is of apt's list, else of dpkg's.
function keep() {
  if (package == "") return
  if (apt) { if (automatic) auto[package, kind] = 1 }
  else if (there) { count++; packages[count] = package; kinds[count] = kind }
  if (!apt && package == "dpkg") own = kind
  package = ""
}
/^Package: / { keep(); package = $2; kind = ""; automatic = there = 0; apt = states }
/^Architecture: / { kind = $2 }
/^Auto-Installed: / { automatic = $2 > 0 }
/^Status: / { there = $4 != "not-installed" && $4 != "config-files" }
END {
  keep()
  for (i = 1; i <= count && own == ""; i++) if (kinds[i] != "all") own = kinds[i]
  for (i = 1; i <= count; i++) {
    name = packages[i]; kind = kinds[i] == "all" ? own : kinds[i]
    if ((name, kind) in auto || (name, "") in auto || (kind == own && (name, "all") in auto)) continue
    print name (kind == own ? "" : ":" kind)
  }
}
