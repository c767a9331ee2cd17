#!/bin/sh
# Starts the service of this package: start.sh --run=DIR, or --coordinate=1.idee.prod.ie
# for Cloudname. start.sh --help tells more.
here=$(readlink -f -- "$0")
here=${here%/*}
. "$here/runtime.sh"

read_arguments "$@"
now=$(state) || exit
[ "$now" != running ] || fail 2 "running already, as the instance $name"

mkdir -p -- "$run" 2>/dev/null || fail 1 "cannot make the folder $run"
for folder in logs data run etc; do
  [ -d "$run/$folder" ] || mkdir -- "$run/$folder" 2>/dev/null || fail 1 "cannot make the folder $run/$folder"
done
{ printf '%s\n' "$name" >"$run/run/instance"; } 2>/dev/null || fail 1 "cannot write to $run/run/instance"

# The environment holds credentials. It is there as a whole, or as it was.
status=0
new=$run/etc/.env.$$
"$svp" up "$package" "$name" >"$new" 2>"$run/logs/start.log" || status=$?
if [ "$status" -ne 0 ]; then
  rm -f -- "$new"
  fail 3 "svp up failed with status $status: $(reason "$(cat "$run/logs/start.log")"); more in $run/logs/start.log"
fi
mv -f -- "$new" "$run/etc/env"
