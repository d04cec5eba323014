# Mounts and fstab: device, place, kind, and those options that are no credentials.
/^[ \t]*(#|$)/ { next }
NF < 3 || $3 ~ /^(proc|sysfs|devpts|devtmpfs|tmpfs|cgroup2?|securityfs|pstore|bpf|debugfs|tracefs|mqueue|hugetlbfs|configfs|fusectl|binfmt_misc|autofs|rpc_pipefs|efivarfs|nsfs|ramfs|overlay|squashfs)$/ { next }
{
  kept = ""; count = split($4, option, ",")
  for (i = 1; i <= count; i++) {
    name = option[i]; sub(/=.*$/, "", name)
    if (name ~ /^(rw|ro|defaults|noatime|relatime|nodiratime|nodev|nosuid|noexec|nofail|auto|noauto|user|users|_netdev|bind|rbind|discard|acl|usrquota|grpquota|uid|gid|umask|mode|subvol|compress|vers|nfsvers|errors|data|barrier|x-systemd.automount)$/)
      kept = kept (kept == "" ? "" : ",") option[i]
    else if (name ~ /^(username|user|password|pass|credentials|cred|domain|key|secret)$/) kept = kept (kept == "" ? "" : ",") name "=..."
  }
  device = plain($1)
  if (device !~ /:\/\// && index(device, "@") && device ~ /:/) sub(/^.*@/, "...@", device)
  say(device " " $2 " " $3 " " kept)
}
