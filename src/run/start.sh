# Begins a job as a unit of systemd, once, however often this is run.
root=${DLINFRA_ROOT:-}
runs=$root/var/lib/dlinfra/runs
folder=$runs/$JOB
unit=dlinfra-$JOB
mkdir -p "$runs" && chmod 755 "$runs" && mkdir -p "$folder" && chmod 700 "$folder" || exit 1
[ ! -e "$folder/begun" ] || exit 0
# A command to begin may come after the one to end.
[ ! -e "$folder/stopped" ] || exit 1
me=$(cat "$root/var/lib/cloud/data/instance-id") || exit 1
rank=$(printf '%s\n' "$MEMBERS" | grep -n "^$me " | cut -d: -f1)
[ -n "$rank" ] || exit 1
head=$(printf '%s\n' "$MEMBERS" | head -n 1 | cut -d' ' -f2)
printf '%s\n' "$MEMBERS" | cut -d' ' -f2 >"$folder/hosts"
cat >"$folder/environment" <<END
export RUN_ID='$JOB' NODE_RANK='$((rank - 1))' NNODES='$(printf '%s\n' "$MEMBERS" | wc -l | tr -d ' ')'
export GPUS_PER_NODE='$ACCELERATORS' MASTER_ADDR='$head' MASTER_PORT='29400' HOSTFILE='$folder/hosts'
LIMIT='$LIMIT'
END
printf '%s' "$COMMAND" | base64 -d >"$folder/command" || exit 1
printf '%s' "$LAUNCHER" | base64 -d >"$folder/launcher" || exit 1
# One that runs already is the one that is wanted.
systemd-run --quiet --collect --unit="$unit" --property=KillMode=control-group --property=TimeoutStopSec=60 \
  --property=RuntimeMaxSec="$LIMIT" \
  --setenv=HOME="${HOME:-/root}" --setenv=DLINFRA_ROOT="$root" --setenv=PATH="$PATH" /bin/sh "$folder/launcher" ||
  systemctl is-active --quiet "$unit" || [ -e "$folder/begun" ]
