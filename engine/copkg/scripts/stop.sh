#!/bin/sh
# Stops the service of this package and keeps its data: stop.sh --run=DIR, or
# --coordinate=1.idee.prod.ie for Cloudname. stop.sh --help tells more.
here=$(readlink -f -- "$0")
here=${here%/*}
. "$here/runtime.sh"

read_arguments "$@"
now=$(state) || exit
case $now in
  '' | down) fail 2 "not running: there is no container of the instance $name" ;;
esac

status=0
answer=$("$svp" down "$name" 2>&1 >/dev/null) || status=$?
[ "$status" -eq 0 ] || fail 3 "svp down failed with status $status: $(reason "$answer")"
