# shellcheck shell=bash disable=SC2034 # used by the scripts that source it
# Where the cluster is and how to reach it.

pack=$(cd "${BASH_SOURCE[0]%/*}/.." && pwd)
programs=/usr/lib/postgresql/15/bin
home=/var/lib/postgresql
data=$home/15/data
password_mark=$home/15/password
pristine=/usr/share/postgresql/15/cluster.tar
pristine_databases=/usr/share/postgresql/15/databases.tar
export PATH=$programs:$PATH PGHOST=/run/postgresql PGPORT=5432 PGDATABASE=app

# as_postgres runs a program as the server's user, who need not be able to read
# the pack's folder.
as_postgres() (cd / && exec setpriv --reuid=postgres --regid=postgres --init-groups -- "$@")

# admin_sql runs psql as the superuser, whom only this user of the system is.
admin_sql() {
    as_postgres psql --username=postgres --no-psqlrc --quiet --tuples-only --no-align \
        --set=ON_ERROR_STOP=1 "$@"
}

# lock_cluster makes sure that no other server has the data, in this container
# or in another one with the same volume. The lock is held by whoever inherits
# descriptor 9, the server's processes included, and cannot become stale.
lock_cluster() {
    exec 9> "$home/15/lock"
    flock --timeout 10 9 || {
        echo "postgresql: another server is running on $data" >&2
        exit 1
    }
    # Left by a killed server. Its process ids mean nothing in a new container,
    # but may be those of other processes there.
    rm -f "$data/postmaster.pid" "$PGHOST/.s.PGSQL.$PGPORT.lock"
}

# pack_cluster packs a cluster for unpack_cluster, and removes it. The databases in
# which no password is set are in an archive of their own.
pack_cluster() {
    local database
    local -a databases=()
    for database in "$data"/base/*; do
        [ "${database##*/}" = 1 ] || databases+=("./base/${database##*/}") # 1 is template1
    done
    tar --create --sparse --file="$pristine" --directory="$data" "${databases[@]/#/--exclude=}" .
    tar --create --file="$pristine_databases" --directory="$data" "${databases[@]}"
    rm -rf "$data"
}

# unpack_cluster gives a new volume the cluster that the base image was built
# with, and the password. An archive fills it in half the time that the engine needs
# to copy files. It is made beside its place, where nothing waits for the disk; one
# wait for all of it is an order of magnitude shorter. So what stands in its place is
# whole, also after a loss of power.
unpack_cluster() {
    local place=$data databases
    local data=$place.new
    rm -rf "$data" "$password_mark"
    install -d -o postgres -g postgres -m 700 "$data"
    as_postgres tar --extract --file="$pristine" --directory="$data"
    as_postgres tar --extract --file="$pristine_databases" --directory="$data" &
    databases=$!
    set_password -c fsync=off
    wait "$databases"
    sync --file-system "$data"
    mv "$data" "$place"
}

# prepare_cluster makes sure that there is a cluster with the instance's password.
prepare_cluster() {
    if [ -e "$data" ]; then
        set_password
    else
        unpack_cluster
    fi
}

# single_user OPTION… executes the SQL on stdin while no server is running; an empty
# line ends a statement. An error must not log the statement, which may hold a
# password.
single_user() {
    as_postgres postgres --single -j -D "$data" -c exit_on_error=on -c log_checkpoints=off \
        -c log_min_error_statement=panic "$@" template1 > /dev/null
}

# password_sql gives the role app the password $1, which may be any bytes.
password_sql() {
    if [[ $1 =~ ^[A-Za-z0-9]+$ ]] || iconv --from-code=UTF-8 --to-code=UTF-8 <<< "$1" > /dev/null 2>&1; then
        printf "ALTER ROLE app PASSWORD '%s';\n" "${1//\'/\'\'}"
    else
        cat "$pack/lib/scram.sql"
        printf 'DO $$ BEGIN\n'
        # shellcheck disable=SC2016 # the dollars are SQL
        printf "EXECUTE format('ALTER ROLE app PASSWORD %%L', pg_temp.scram_verifier('\\\\x%s'));\n" \
            "$(printf %s "$1" | od -An -v -tx1 | tr -d ' \n')"
        printf 'END $$;\n'
    fi
}

# set_password OPTION… gives the role app the instance's password, unless it has it
# already: the volume may be older than the password.
set_password() {
    local mark
    mark=$(mark_of_password)
    [ ! -e "$password_mark" ] || [ "$(< "$password_mark")" != "$mark" ] || return 0
    password_sql "$POSTGRESQL_PASSWORD" | single_user "$@"
    (umask 077 && echo "$mark" > "$password_mark")
}

# mark_of_password tells passwords apart without giving them away.
mark_of_password() {
    local salt='' digest
    [ ! -e "$password_mark" ] || read -r salt _ < "$password_mark"
    [ -n "$salt" ] || read -r salt < /proc/sys/kernel/random/uuid
    digest=$(printf '%s%s' "$salt" "${POSTGRESQL_PASSWORD:?}" | sha256sum)
    echo "$salt ${digest%% *}"
}
