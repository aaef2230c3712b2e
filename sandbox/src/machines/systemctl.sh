#!/bin/sh
# Stands in for systemctl on a machine of the sandbox: looks at units that systemd-run has started, and ends them.
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd) || exit 1
units=$root/run/units
quiet='' value='' block=yes signal=TERM properties=''
verb=''
names=''
refuse() {
    echo "systemctl: $1 (the sandbox does not simulate it)" >&2
    exit 1
}
while [ $# -gt 0 ]; do
    case $1 in
    --quiet | -q) quiet=yes ;;
    --value) value=yes ;;
    --no-block) block='' ;;
    -s | --signal)
        signal=${2-}
        shift
        ;;
    --signal=*) signal=${1#*=} ;;
    -p | --property)
        properties="$properties ${2-}"
        shift
        ;;
    --property=*) properties="$properties ${1#*=}" ;;
    --kill-whom=all | --kill-who=all | --no-pager | --no-ask-password) ;;
    -*) refuse "unrecognized option '$1'" ;;
    *)
        if [ -z "$verb" ]; then
            verb=$1
        else
            name=${1%.service}
            case $name in
            *[!A-Za-z0-9:_.@-]*) refuse "the name $1" ;;
            esac
            names="$names $name"
        fi
        ;;
    esac
    [ $# -eq 0 ] || shift
done

# state NAME: as `is-active` prints it.
state() {
    if read -r found 2> /dev/null < "$units/$1/state"; then echo "$found"; else echo inactive; fi
}
# group NAME: the number of its process group, which is there a moment after its start.
group() {
    tries=100
    while [ "$tries" -gt 0 ] && [ -d "$units/$1" ]; do
        if read -r found 2> /dev/null < "$units/$1/pid"; then
            echo "$found"
            return 0
        fi
        sleep 0.05
        tries=$((tries - 1))
    done
    return 1
}
# term NAME: begins to stop it.
term() {
    [ "$(state "$1")" = active ] || return 0
    pid=$(group "$1") || return 0
    echo deactivating > "$units/$1/state" 2> /dev/null
    kill -s TERM -- "-$pid" 2> /dev/null
}
# finish NAME: waits until it has stopped, and ends it by KILL when its time is over.
finish() {
    pid=$(group "$1") || return 0
    read -r patience 2> /dev/null < "$units/$1/stop" || patience=90
    tenths=$((patience * 10))
    # Its keeper takes the state away, or says that it failed.
    while [ "$(state "$1")" = deactivating ]; do
        [ "$tenths" -ne 0 ] || kill -s KILL -- "-$pid" 2> /dev/null
        tenths=$((tenths - 1))
        sleep 0.1
    done
}
# property NAME PROPERTY
property() {
    now=$(state "$1")
    case $2 in
    ActiveState) found=$now ;;
    LoadState) if [ -d "$units/$1" ]; then found=loaded; else found=not-found; fi ;;
    SubState)
        case $now in
        active) found=running ;;
        deactivating) found=stop-sigterm ;;
        inactive) found=dead ;;
        *) found=$now ;;
        esac
        ;;
    MainPID) read -r found 2> /dev/null < "$units/$1/pid" && [ "$now" != failed ] || found=0 ;;
    ExecMainStatus) read -r found 2> /dev/null < "$units/$1/code" || found=0 ;;
    Result) if [ "$now" = failed ]; then found=exit-code; else found=success; fi ;;
    *) refuse "the property $2" ;;
    esac
    if [ -n "$value" ]; then echo "$found"; else echo "$2=$found"; fi
}

case $verb in
is-active | is-failed)
    wanted=${verb#is-}
    code=3
    for name in $names; do
        now=$(state "$name")
        [ -n "$quiet" ] || echo "$now"
        [ "$now" != "$wanted" ] || code=0
    done
    exit "$code"
    ;;
stop)
    for name in $names; do
        if [ ! -d "$units/$name" ]; then
            echo "Failed to stop $name.service: Unit $name.service not loaded." >&2
            exit 5
        fi
        term "$name"
        if [ -n "$block" ]; then
            finish "$name"
        elif command -v setsid > /dev/null; then
            setsid /bin/sh "$0" finish "$name" < /dev/null > /dev/null 2>&1 &
        else
            /bin/sh "$0" finish "$name" < /dev/null > /dev/null 2>&1 &
        fi
    done
    ;;
# For this script itself.
finish) for name in $names; do finish "$name"; done ;;
kill)
    for name in $names; do
        if ! pid=$(group "$name"); then
            echo "Failed to kill unit $name.service: Unit $name.service not loaded." >&2
            exit 1
        fi
        kill -s "${signal#SIG}" -- "-$pid" || exit 1
    done
    ;;
show)
    for name in $names; do
        for wanted in $(echo "${properties:- LoadState ActiveState SubState}" | tr ',' ' '); do
            property "$name" "$wanted"
        done
    done
    ;;
reset-failed)
    [ -n "$names" ] || names=$(ls "$units")
    for name in $names; do
        [ "$(state "$name")" != failed ] || rm -rf "${units:?}/$name"
    done
    ;;
daemon-reload) ;;
*) refuse "'$verb'" ;;
esac
