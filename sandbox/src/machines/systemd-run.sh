#!/bin/sh
# Stands in for systemd-run on a machine of the sandbox: starts a command as a unit that outlives its caller.
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd) || exit 1
fail() {
    echo "$1" >&2
    exit 1
}
# seconds TEXT: a time as systemd writes it, such as 90, 5s or "1min 30s".
seconds() {
    total=0
    for part in $1; do
        number=${part%%[!0-9]*}
        case ${part#"$number"} in
        '' | s | sec | second | seconds) unit_of_time=1 ;;
        m | min | minute | minutes) unit_of_time=60 ;;
        h | hr | hour | hours) unit_of_time=3600 ;;
        *) number='' ;;
        esac
        [ -n "$number" ] || return 1
        total=$((total + number * unit_of_time))
    done
    echo "$total"
}

unit='' collect='' output='' error='' stop=90 limit='' directory=$root
# What the unit sees of the environment: as a service, nothing of its caller's but what leads to the sandbox.
add() { variables="$variables $(quote "$1")"; }
quote() { printf "'%s'" "$(printf '%s' "$1" | sed "s/'/'\\\\''/g")"; }
variables=''
add "PATH=$root/bin:/usr/local/bin:/usr/bin:/bin"
add "HOME=$root/root"
add "TMPDIR=$root/tmp"
add "DLINFRA_ROOT=$root"
for name in AWS_REGION AWS_DEFAULT_REGION AWS_ENDPOINT_URL AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN; do
    eval "value=\${$name-}"
    [ -z "$value" ] || add "$name=$value"
done

file() {
    case $1 in
    append:* | file:*) printf '%s' "${1#*:}" ;;
    truncate:*)
        : > "${1#*:}" || exit 1
        printf '%s' "${1#*:}"
        ;;
    null) echo /dev/null ;;
    journal | inherit) echo '' ;;
    *) return 1 ;;
    esac
}
property() {
    value=${1#*=}
    refused="Unknown assignment: $1 (the sandbox does not simulate it)"
    case $1 in
    StandardOutput=*) output=$(file "$value") || fail "$refused" ;;
    StandardError=*) error=$(file "$value") || fail "$refused" ;;
    TimeoutStopSec=infinity) stop=1000000 ;;
    TimeoutStopSec=*) stop=$(seconds "$value") || fail "Failed to parse TimeoutStopSec= parameter: $value" ;;
    RuntimeMaxSec=infinity) limit='' ;;
    RuntimeMaxSec=*) limit=$(seconds "$value") || fail "Failed to parse RuntimeMaxSec= parameter: $value" ;;
    WorkingDirectory=*) directory=$value ;;
    Environment=*=*) add "$value" ;;
    # What makes no difference here.
    Description=* | Type=simple | Type=exec | KillMode=control-group | KillSignal=SIGTERM | SendSIGKILL=yes) ;;
    Restart=no | User=root | Group=root | CollectMode=* | Slice=* | SyslogIdentifier=* | Delegate=*) ;;
    Limit*=* | Tasks*=* | CPU*=* | Memory*=* | IO*=* | Nice=* | OOM*=*) ;;
    *) fail "$refused" ;;
    esac
}

while [ $# -gt 0 ]; do
    case $1 in
    --unit=*) unit=${1#*=} ;;
    --unit | -u)
        unit=${2-}
        shift
        ;;
    --quiet | -q | --no-block | --no-ask-password) ;;
    --collect | -G) collect=yes ;;
    --description=*) ;;
    --description)
        shift
        ;;
    --property=*) property "${1#*=}" ;;
    --property | -p)
        property "${2-}"
        shift
        ;;
    --setenv=*=*) add "${1#*=}" ;;
    --setenv | -E)
        add "${2-}"
        shift
        ;;
    --working-directory=*) directory=${1#*=} ;;
    --)
        shift
        break
        ;;
    -*) fail "systemd-run: unrecognized option '$1' (the sandbox does not simulate it)" ;;
    *) break ;;
    esac
    [ $# -eq 0 ] || shift
done

[ $# -gt 0 ] || fail "Command line to execute required."
[ -n "$unit" ] || unit=run-u$$
unit=${unit%.service}
case $unit in
*[!A-Za-z0-9:_.@-]*) fail "Failed to mangle unit name: $unit" ;;
esac
command -v -- "$1" > /dev/null || fail "Failed to find executable $1: No such file or directory"
[ -d "$directory" ] || fail "Failed to start transient service unit: no such directory: $directory"

folder=$root/run/units/$unit
# Who makes the folder has the name; others come too late.
mkdir "$folder" 2> /dev/null ||
    fail "Failed to start transient service unit: Unit $unit.service was already loaded or has a fragment file."
journal=$root/var/log/journal/$unit.log
[ -n "$output" ] || output=$journal
[ -n "$error" ] || error=$output
echo "$output" > "$folder/output"
echo "$error" > "$folder/error"
echo "$stop" > "$folder/stop"
echo "$limit" > "$folder/limit"
[ -z "$collect" ] || : > "$folder/collect"
echo active > "$folder/state"

cd "$directory" || exit 1
launch='/bin/sh'
command -v setsid > /dev/null && launch='setsid /bin/sh'
# A shell's jobs in the background ignore what a terminal sends; a service does not.
clean='env -i'
if env --default-signal=INT,QUIT true 2> /dev/null; then clean="$clean --default-signal=INT,QUIT"; fi
eval "set -- $clean $variables \"\$@\""
$launch "$root/run/lib/unit" "$root" "$folder" "$@" < /dev/null > /dev/null 2>&1 &
exit 0
