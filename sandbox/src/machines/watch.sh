#!/bin/sh
# watch ROOT PID [SECONDS FILE]: ends the process group PID when the machine in ROOT is gone, when the process that made
# the machine is gone, or when so many seconds are over, which it notes in the file. Ends when the group has ended.
root=$1 pid=$2 left=${3:-} file=${4:-}
read -r owner < "$root/run/owner" || exit 1
while kill -s 0 -- "-$pid" 2> /dev/null; do
    if [ ! -d "$root" ] || ! kill -s 0 "$owner" 2> /dev/null || [ "$left" = 0 ]; then
        [ "$left" != 0 ] || : 2> /dev/null > "$file"
        kill -s TERM -- "-$pid" 2> /dev/null
        patience=5
        while [ "$patience" -gt 0 ] && kill -s 0 -- "-$pid" 2> /dev/null; do
            sleep 1
            patience=$((patience - 1))
        done
        kill -s KILL -- "-$pid" 2> /dev/null
        exit 0
    fi
    sleep 1
    [ -z "$left" ] || left=$((left - 1))
done
