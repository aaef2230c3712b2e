# Says where a job is, and what its log holds behind an offset: `STATE CODE ENDED WHY SIZE`, and the bytes in base64.
root=${DLINFRA_ROOT:-}
folder=$root/var/lib/dlinfra/runs/$JOB
me=$(cat "$root/var/lib/cloud/data/instance-id") || exit 1
offset=$(printf '%s\n' "$OFFSETS" | sed -n "s/^$me //p")
state=absent code=-1 ended=0 why=-
if [ -e "$folder/begun" ]; then
  state=running
  systemctl is-active --quiet "dlinfra-$JOB" || state=lost
  # It may have ended between the two.
  [ ! -e "$folder/ended" ] || { state=ended && read -r code ended why <"$folder/ended"; }
elif systemctl is-active --quiet "dlinfra-$JOB"; then
  state=running
fi
size=0
[ ! -e "$folder/log" ] || size=$(wc -c <"$folder/log" | tr -d ' ')
echo "$state $code $ended $why $size"
[ ! -e "$folder/log" ] || tail -c "+$((${offset:-0} + 1))" "$folder/log" | head -c 17000 | base64 | tr -d '\n'
