# shellcheck shell=sh
# What start.sh and stop.sh share, which set here to the folder of both. They are told where the state of one instance is
# kept, by --run=DIR or by a Cloudname coordinate, and call the instance after that
# place: started again, it has its data again.
#
# Exit status: 0 done, 1 wrong arguments, 2 running already or not running,
# 3 svp is missing or has failed.

set -eu
umask 077
LC_ALL=C
export LC_ALL

script=${0##*/}
package=$(dirname -- "${here:?}")
svp=${SVP:-svp}

# fail STATUS TEXT... ends the script with one line.
fail() {
  status=$1
  shift
  printf '%s: %s\n' "$script" "$*" >&2
  exit "$status"
}

usage() {
  cat <<EOF
usage: $script --run=DIR
       $script --coordinate=INSTANCE.SERVICE.USER.CELL

DIR keeps all that the instance writes outside of Docker. For a coordinate, as
1.idee.prod.ie, it is CELL/USER/SERVICE/INSTANCE below COPKG_RUNTIME_BASE_DIR
(/var/run/copkg). SVP names the svp to use (svp).
EOF
}

# read_arguments ARG... sets run, the folder of the instance.
read_arguments() {
  run=
  for argument in "$@"; do
    case $argument in
      -h | --help)
        usage
        exit 0
        ;;
    esac
  done
  [ $# -eq 1 ] || fail 1 "exactly one of --run=DIR and --coordinate=INSTANCE.SERVICE.USER.CELL is needed"
  case $1 in
    --run=) fail 1 "--run names no folder" ;;
    --run=*) run=${1#--run=} ;;
    --coordinate=*) run=$(coordinate_folder "${1#--coordinate=}") || exit ;;
    *) fail 1 "unknown argument $1; use --run=DIR or --coordinate=INSTANCE.SERVICE.USER.CELL" ;;
  esac
  case $run in
    *[[:cntrl:]]*) fail 1 "the name of the folder holds a control character" ;;
    /*) ;;
    *) run=$PWD/$run ;;
  esac
  run=$(printf %s "$run" | tr -s /)
  locate_run
}

# coordinate_folder COORDINATE prints the folder of a Cloudname coordinate. What it
# consists of is checked, since it becomes a path.
coordinate_folder() {
  case $1 in
    *[!a-z0-9._-]*) ;;
    *)
      if printf '%s\n' "$1" | grep -Eq '^[0-9]+(\.[a-z][a-z0-9_-]*){3}$'; then
        rest=$1
        instance=${rest%%.*} rest=${rest#*.}
        service=${rest%%.*} rest=${rest#*.}
        user=${rest%%.*} cell=${rest#*.}
        printf '%s\n' "${COPKG_RUNTIME_BASE_DIR:-/var/run/copkg}/$cell/$user/$service/$instance"
        return
      fi
      ;;
  esac
  fail 1 "not a coordinate such as 1.idee.prod.ie: $1"
}

# locate_run makes run the real path of the folder, whether it exists or not, which
# must not be in the package: that is never written to. Sets name as well.
locate_run() {
  parent=$run rest=
  while [ ! -d "$parent" ]; do
    if [ -e "$parent" ] || [ -L "$parent" ]; then
      fail 1 "not a folder: $parent"
    fi
    rest=/${parent##*/}$rest
    parent=${parent%/*}
    parent=${parent:-/}
  done
  case $rest/ in
    */../* | */./*) fail 1 "not a plain path: $run" ;;
  esac
  parent=$(CDPATH='' cd -- "$parent" 2>/dev/null && pwd -P) || fail 1 "cannot enter $parent"
  run=${parent%/}$rest
  run=${run%/}
  [ -n "$run" ] || fail 1 "the folder / is for no instance"
  case $run/ in
    "$package"/*) fail 1 "$run is in the package, which is never written to" ;;
  esac
  name=copkg-$(digest "$run" | cut -c 1-24)
  [ "$name" != copkg- ] || fail 3 "neither sha256sum nor shasum is found"
  check_moved
}

digest() {
  if command -v sha256sum >/dev/null; then
    printf %s "$1" | sha256sum
  else
    printf %s "$1" | shasum -a 256
  fi
}

# check_moved finds a folder whose instance has another name: it was moved or
# copied, and the data is under the old name.
check_moved() {
  if [ -f "$run/run/instance" ]; then
    IFS= read -r known <"$run/run/instance" || true
    if [ "$known" != "$name" ]; then
      fail 1 "$run was moved here or copied: its instance is $known; move it back, or remove $run/run/instance to begin anew"
    fi
  fi
}

# state prints the state of the instance, and nothing where there is none.
state() {
  command -v "$svp" >/dev/null || fail 3 "$svp is not found; install svp, or name it with SVP"
  status=0
  answer=$("$svp" info "$name" --json 2>&1) || status=$?
  case $status in
    0) printf '%s\n' "$answer" | sed -n 's/^ *"state": *"\([a-z]*\)".*/\1/p' | head -n 1 ;;
    4) ;;
    *) fail 3 "svp info failed with status $status: $(reason "$answer")" ;;
  esac
}

# reason TEXT prints the last thing that svp complained about.
reason() {
  last=$(printf '%s\n' "$1" | sed -n 's/^svp: //p' | tail -n 1)
  printf '%s\n' "${last:-no reason given}"
}
