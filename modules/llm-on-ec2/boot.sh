#!/bin/bash
# First start of a machine that serves a model: writes a unit that fetches weights and runs vLLM, at every start. The log
# is /var/log/llm-boot.log, and that of the model `journalctl -u llm`.
exec > >(tee -a /var/log/llm-boot.log) 2>&1
set -uo pipefail

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

for name in IMAGE MODEL NAME GPUS TOKEN_SECRET REGION; do
  printf '%s=%q\n' "$name" "${!name}"
done >/etc/llm.conf
# Each argument stays one word, whatever is in it.
printf '%s' "$ARGUMENTS" >/etc/llm.arguments

cat >/usr/local/bin/llm-prepare <<'END'
#!/bin/bash
# Before each start: the token, the weights and the image.
set -euo pipefail
. /etc/llm.conf
# What is on these disks is lost when the machine stops, and fetched again when it starts.
place=/opt/dlami/nvme
mountpoint -q "$place" || place=/var/lib/llm
mkdir -p "$place/model"
# In memory alone, and for nobody but root.
install -d -m 700 /run/llm
(umask 077 && : >/run/llm/env)
if [[ $TOKEN_SECRET != none ]]; then
  key=$(aws secretsmanager get-secret-value --region "$REGION" --secret-id "$TOKEN_SECRET" \
    --query SecretString --output text)
  printf 'VLLM_API_KEY=%s\n' "$key" >/run/llm/env
fi
aws s3 sync --region "$REGION" --only-show-errors --delete "$MODEL" "$place/model/"
ln -sfn "$place/model" /run/llm/model
if [[ $IMAGE == *.dkr.ecr.* ]]; then
  aws ecr get-login-password --region "$REGION" | docker login --username AWS --password-stdin "${IMAGE%%/*}"
fi
docker pull -q "$IMAGE"
docker rm -f llm >/dev/null 2>&1 || true
END

cat >/usr/local/bin/llm-serve <<'END'
#!/bin/bash
. /etc/llm.conf
mapfile -t arguments </etc/llm.arguments
# NCCL needs the memory that processes share.
exec docker run --rm --name llm --gpus all --ipc=host -p 8000:8000 --env-file /run/llm/env \
  -v "$(readlink -f /run/llm/model):/model:ro" "$IMAGE" --model /model --served-model-name "$NAME" \
  --tensor-parallel-size "$GPUS" "${arguments[@]}"
END
chmod 755 /usr/local/bin/llm-prepare /usr/local/bin/llm-serve

cat >/etc/systemd/system/llm.service <<'END'
[Unit]
Description=A language model, served by vLLM
After=docker.service network-online.target dlami-nvme.service
Wants=network-online.target
Requires=docker.service
StartLimitIntervalSec=0

[Service]
ExecStartPre=/usr/local/bin/llm-prepare
ExecStart=/usr/local/bin/llm-serve
ExecStop=/usr/bin/docker stop -t 60 llm
Restart=always
RestartSec=10
TimeoutStartSec=infinity

[Install]
WantedBy=multi-user.target
END

systemctl daemon-reload
systemctl enable --now --no-block llm.service
echo "ready: the model is being loaded"
