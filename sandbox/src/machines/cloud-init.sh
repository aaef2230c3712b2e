#!/bin/sh
# Stands in for cloud-init on a machine of the sandbox: says how far the user data have come.
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd) || exit 1
wait='' format=tabular
refuse() {
    echo "cloud-init: $1 (the sandbox does not simulate it)" >&2
    exit 2
}
[ "${1-}" = status ] || refuse "'${1-}'"
shift
while [ $# -gt 0 ]; do
    case $1 in
    --wait | -w) wait=yes ;;
    --format=*) format=${1#*=} ;;
    --format)
        format=${2-}
        shift
        ;;
    *) refuse "unrecognized argument '$1'" ;;
    esac
    [ $# -eq 0 ] || shift
done
status=running
while read -r status < "$root/run/cloud-init/status" && [ "$status" = running ] && [ -n "$wait" ]; do
    [ "$format" != tabular ] || printf .
    sleep 0.25
done
[ "$format" != tabular ] || [ -z "$wait" ] || echo
case $format in
json) printf '{"boot_status_code": "enabled-by-generator", "errors": [], "status": "%s"}\n' "$status" ;;
tabular) echo "status: $status" ;;
*) refuse "the format $format" ;;
esac
[ "$status" != error ]
