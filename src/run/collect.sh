# Packs what a job left and uploads it to the address of this machine: `SIZE SHA256`, or why not.
root=${DLINFRA_ROOT:-}
folder=$root/var/lib/dlinfra/runs/$JOB
me=$(cat "$root/var/lib/cloud/data/instance-id") || exit 1
address=$(printf '%s\n' "$ADDRESSES" | sed -n "s/^$me //p")
cd "$folder/work" || exit 1
archive=$folder/artifacts.tar.gz
# The log goes with it, whole.
[ ! -e "$folder/log" ] || set -- -C "$folder" log
if [ -e "$COLLECT" ]; then
  set -- "$@" -C "$folder/work" "$COLLECT"
else
  echo "nothing is at $COLLECT" >&2
  missing=yes
fi
[ $# -gt 0 ] || exit 0
tar -czf "$archive" "$@" || exit 1
size=$(wc -c <"$archive" | tr -d ' ')
sum=$(sha256sum "$archive" | cut -d' ' -f1)
curl -fsS --retry 3 -T "$archive" "$address" >&2 || exit 1
rm -f "$archive"
echo "$size $sum ${missing:-no}"
