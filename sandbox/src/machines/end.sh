#!/bin/sh
# end ROOT SECONDS: shuts a machine down: TERM to everything that runs on it, KILL after so many seconds.
root=$1 tenths=$(($2 * 10))
groups=''
for file in "$root"/run/units/*/pid "$root"/run/commands/*; do
    if read -r pid 2> /dev/null < "$file"; then groups="$groups $pid"; fi
done
for pid in $groups; do kill -s TERM -- "-$pid" 2> /dev/null; done
while [ "$tenths" -gt 0 ]; do
    alive=''
    for pid in $groups; do
        if kill -s 0 -- "-$pid" 2> /dev/null; then alive=yes; fi
    done
    [ -n "$alive" ] || break
    sleep 0.1
    tenths=$((tenths - 1))
done
for pid in $groups; do kill -s KILL -- "-$pid" 2> /dev/null; done
exit 0
