# One job of dlinfra on one machine: its folder holds the command, its log, and how it ended.
folder=$(dirname "$0")
# Only the first one works.
(set -C && date -u +%s >"$folder/begun") 2>/dev/null || exit 0
# shellcheck source=/dev/null
. "$folder/environment"
mkdir -p "$folder/work" && cd "$folder/work" || exit 1
# Output that a program keeps back until it ends would not be seen while it runs.
export PYTHONUNBUFFERED=1
bash -l "$folder/command" </dev/null >>"$folder/log" 2>&1 &
child=$!
# systemd asks every process of the unit to end: what this one waits for has heard it, too.
trap : TERM INT
wait "$child"
code=$?
# A signal ends the wait, not the command.
while kill -0 "$child" 2>/dev/null; do
  wait "$child"
  code=$?
done
end=$(date -u +%s) why=itself
[ "$((end - $(cat "$folder/begun")))" -lt "$LIMIT" ] || why=limit
echo "$code $end $why" >"$folder/ended.new" && mv "$folder/ended.new" "$folder/ended"
