# shellcheck shell=bash disable=SC2034 # used by the scripts that source it
# The log: the current file, which the server writes, and those before it, whose
# names are in the order of time.

folder=/var/lib/syslog
current=$folder/log
pid_file=/run/rsyslogd.pid

# set_sizes sets the bytes of all files and of one.
set_sizes() {
    log_bytes=$((${PLAN_LOG_MB:-100} * 1000000))
    file_bytes=$((log_bytes / 10))
}

# lock_log keeps files from getting other names until the script ends.
lock_log() {
    exec 9>> "$folder/.lock"
    flock 9
}

# list_files sets older to the files before the current one, the oldest first, and
# end to the bytes of the current one, which is there from its first message on.
list_files() {
    local file
    older=()
    for file in "$current".*; do
        [ ! -f "$file" ] || older+=("$file")
    done
    end=0
    [ ! -e "$current" ] || end=$(stat --format=%s "$current")
}

# take_snapshot turns older, current and end to second names of the files, in a
# folder that goes when the script ends: the server goes on while the reader takes
# its time. What is written to the current file later is left out.
take_snapshot() {
    snapshot=$(mktemp -d "$folder/snapshot.XXXXXX")
    trap 'rm -rf "$snapshot"' EXIT
    trap 'exit 1' HUP INT TERM
    lock_log
    list_files
    [ ${#older[@]} -eq 0 ] || ln "${older[@]}" "$snapshot"
    [ "$end" -eq 0 ] || ln "$current" "$snapshot"
    exec 9>&-
    older=("${older[@]/#"$folder"/"$snapshot"}")
    current=$snapshot/${current##*/}
}

# print_log prints what list_files or take_snapshot found.
print_log() {
    [ ${#older[@]} -eq 0 ] || cat "${older[@]}"
    [ "$end" -eq 0 ] || head --bytes="$end" "$current"
}

# remove_log removes all files; the server writes to a new one.
remove_log() {
    rm -f ${older[@]+"${older[@]}"} "$current"
    kill -HUP "$(< "$pid_file")"
}

# next_name sets name, behind all names before.
next_name() { name=$current.${EPOCHREALTIME/[.,]/}; }

# prune BYTES removes the oldest files until those before the current one have no
# more than that.
prune() {
    local left=$1 n
    list_files
    for ((n = ${#older[@]} - 1; n >= 0; n--)); do
        left=$((left - $(stat --format=%s "${older[n]}")))
        [ "$left" -ge 0 ] || rm -f "${older[n]}"
    done
}
