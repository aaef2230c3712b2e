#!/bin/bash
# First start of a node: starts the CloudWatch agent, waits for EFA, mounts Lustre, runs SETUP. The log is /var/log/node-boot.log.
exec > >(tee -a /var/log/node-boot.log) 2>&1
set -uo pipefail

retry() { # retry SECONDS COMMAND…: until it succeeds
  local end=$((SECONDS + $1))
  shift
  until "$@"; do
    ((SECONDS < end)) || return 1
    sleep 10
  done
}

# The machine ends itself half an hour after its stack, should nobody else have done that, and before where `idle` of the
# blueprint says so. Both are tags: a later `apply` and `dlinfra extend` change them. A machine that may not read its tags,
# or has none of these, goes on.
cat >/usr/local/sbin/dlinfra-end <<'END'
#!/bin/bash
base=http://169.254.169.254/latest
run=${DLINFRA_ROOT:-}/run/dlinfra
token=$(curl -fsS -m 9 -X PUT -H 'X-aws-ec2-metadata-token-ttl-seconds: 60' $base/api/token) && [[ -n $token ]] || exit 0
tag() { curl -fs -m 9 -H "X-aws-ec2-metadata-token: $token" "$base/meta-data/tags/instance/dlinfra:$1"; }
now=$(date -u +%s)
if end=$(tag expires) && [[ -n $end ]] && end=$(date -u -d "$end" +%s) && ((now >= end + 1800)); then
  exec systemctl poweroff
fi

# A GPU that works or cannot be asked, somebody who is logged in, a command, a job, a file that says so: all are work.
busy() {
  local used all
  all=$(timeout 30 nvidia-smi --query-gpu=utilization.gpu --format=csv,noheader,nounits) && [[ -n $all ]] || return 0
  while read -r used; do
    [[ $used =~ ^[0-9]+$ ]] && ((used < $1)) || return 0
  done <<<"$all"
  [[ -e $run/keep || -n $(who) ]] && return 0
  pgrep -f 'ssm-(document|session)-worker' >/dev/null && return 0
  systemctl list-units --plain --no-legend --state=running 'dlinfra-*.service' | grep -qv '^dlinfra-end'
}
mkdir -p "$run"
if [[ $(tag idle) =~ ^([0-9]+)/([0-9]+)$ ]] && below=${BASH_REMATCH[1]} minutes=${BASH_REMATCH[2]} && ! busy "$below"; then
  # What nobody has looked at for minutes may have been work.
  [[ -n $(find "$run/idle" -mmin -5 2>/dev/null) ]] || echo "$now" >"$run/idle"
  touch "$run/idle"
  ((now < $(<"$run/idle") + minutes * 60)) || exec systemctl poweroff
else
  rm -f "$run/idle"
fi
END
chmod 755 /usr/local/sbin/dlinfra-end
cat >/etc/systemd/system/dlinfra-end.service <<'END'
[Unit]
Description=Ends the machine when its stack should have ended, or when it has nothing to do
[Service]
Type=oneshot
ExecStart=/usr/local/sbin/dlinfra-end
END
cat >/etc/systemd/system/dlinfra-end.timer <<'END'
[Unit]
Description=Looks whether this machine should end
[Timer]
OnBootSec=1min
OnUnitActiveSec=1min
AccuracySec=5s
[Install]
WantedBy=timers.target
END
systemctl daemon-reload && systemctl enable --now dlinfra-end.timer

# An agent that is in the image may be too old for what it is told: then the newest one takes its place.
cloudwatch_agent() {
  local home=/opt/aws/amazon-cloudwatch-agent package=/tmp/amazon-cloudwatch-agent.deb
  if [[ ! -x $home/bin/amazon-cloudwatch-agent-ctl || -n "${agent_refused:-}" ]]; then
    if command -v apt-get >/dev/null; then
      curl -fsSo "$package" "https://amazoncloudwatch-agent.s3.amazonaws.com/ubuntu/$(dpkg --print-architecture)/latest/amazon-cloudwatch-agent.deb" &&
        dpkg -i -E "$package" || return 1
    else
      dnf install -qy amazon-cloudwatch-agent || return 1
    fi
  fi
  printf '%s' "${AGENT//@log_group@/$AGENT_LOG_GROUP}" >$home/etc/dlinfra.json
  $home/bin/amazon-cloudwatch-agent-ctl -a fetch-config -m ec2 -s -c file:$home/etc/dlinfra.json && return 0
  agent_refused=yes
  return 1
}
if [[ -n "${AGENT:-}" ]]; then
  retry 300 cloudwatch_agent || echo "error: nobody watches this node"
fi

# Some types enumerate their EFA devices minutes after the system is up.
efa_ready() { (($(ls /sys/class/infiniband 2>/dev/null | wc -l) >= ${EFA_DEVICES:-0})); }
failed=
retry 300 efa_ready || echo "warning: fewer than ${EFA_DEVICES} EFA devices"

lustre_client() {
  modprobe lustre 2>/dev/null && return 0
  if command -v apt-get >/dev/null; then
    local keys=/usr/share/keyrings/fsx-ubuntu-public-key.gpg codename
    codename=$(. /etc/os-release && echo "$VERSION_CODENAME")
    curl -fsS https://fsx-lustre-client-repo-public-keys.s3.amazonaws.com/fsx-ubuntu-public-key.asc |
      gpg --dearmor --yes -o "$keys" || return 1
    echo "deb [signed-by=$keys] https://fsx-lustre-client-repo.s3.amazonaws.com/ubuntu $codename main" \
      >/etc/apt/sources.list.d/fsxlustreclientrepo.list
    apt-get update -q && apt-get install -qy "lustre-client-modules-$(uname -r)"
  else
    dnf install -qy lustre-client
  fi
  modprobe lustre
}

place=/fsx number=1
for source in ${MOUNTS:-}; do
  retry 600 lustre_client || { echo "error: no Lustre client"; failed=yes; break; }
  mkdir -p "$place"
  grep -q " $place lustre " /etc/fstab ||
    echo "$source $place lustre defaults,relatime,flock,_netdev,x-systemd.automount 0 0" >>/etc/fstab
  retry 600 mount -t lustre -o relatime,flock "$source" "$place" || { echo "error: $source is not mounted"; failed=yes; }
  number=$((number + 1))
  place=/fsx$number
done

if [[ -n "${SETUP:-}" ]]; then
  bash -euo pipefail -c "$SETUP" || { echo "error: SETUP failed"; exit 1; }
fi
[[ -z $failed ]] || exit 1
echo "ready"
