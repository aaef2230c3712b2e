# Says how the first start of a machine ended: `running`, `done`, or `failed` with the end of its log.
root=${DLINFRA_ROOT:-}
if ! command -v cloud-init >/dev/null; then
  echo done
  exit 0
fi
case $(cloud-init status 2>/dev/null) in
*error*)
  echo failed
  tail -n 50 "$root/var/log/cloud-init-output.log"
  ;;
*done* | *disabled*) echo done ;;
*) echo running ;;
esac
