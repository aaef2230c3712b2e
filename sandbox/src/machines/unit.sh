#!/bin/sh
# unit ROOT FOLDER COMMAND...: runs a unit whose folder has its properties: `output`, `error` (files, which are
# appended to), `stop` (seconds), `limit` (seconds, or nothing), `collect` (or not there). Keeps there `state`, `pid`
# and what came of it.
root=$1 folder=$2
shift 2
read -r output < "$folder/output"
read -r error < "$folder/error"
read -r patience < "$folder/stop"
read -r limit < "$folder/limit"

# In a group of its own, which can be ended as one.
if command -v setsid > /dev/null; then
    setsid "$@" < /dev/null >> "$output" 2>> "$error" &
else
    set -m
    "$@" < /dev/null >> "$output" 2>> "$error" &
fi
pid=$!
# It becomes a group a moment after its start; a signal to the group would be lost before.
until kill -s 0 -- "-$pid" 2> /dev/null || ! kill -s 0 "$pid" 2> /dev/null; do sleep 0.01; done
echo "$pid" > "$folder/pid.new" && mv "$folder/pid.new" "$folder/pid"
/bin/sh "$root/run/lib/watch" "$root" "$pid" "$limit" "$folder/late" &
wait "$pid"
code=$?

# What the first process has left behind ends with it.
kill -s TERM -- "-$pid" 2> /dev/null
tenths=$((patience * 10))
while kill -s 0 -- "-$pid" 2> /dev/null; do
    if [ "$tenths" -le 0 ]; then
        kill -s KILL -- "-$pid" 2> /dev/null
        break
    fi
    sleep 0.1
    tenths=$((tenths - 1))
done

# The machine may be gone.
[ -d "$folder" ] || exit 0
[ ! -e "$folder/late" ] || code=137
case $code in
0 | 129 | 130 | 141 | 143) state=inactive ;;
*) state=failed ;;
esac
if [ "$state" = inactive ] || [ -e "$folder/collect" ]; then
    # By another name first, so that nobody sees half of a unit.
    mv "$folder" "$folder.$$" && rm -rf "$folder.$$"
else
    echo "$code" > "$folder/code"
    echo failed > "$folder/state"
fi
