# shellcheck shell=bash disable=SC2034,SC2154 # other scripts have the names
# PgBouncer's users and its console. It runs in a container of its own, which has
# the volume and the network in common with that of PostgreSQL.

pooler=$home/pgbouncer

# prepare_pooler makes its folders. The console, a Unix socket, is for PgBouncer's
# own user, which it lets in without a password.
prepare_pooler() {
    install -d -o root -g pgbouncer -m 750 "$pooler"
    install -d -o pgbouncer -g pgbouncer -m 700 "$pooler/socket"
}

# write_userlist LEAVER writes whom PgBouncer lets in: app and the consumers, but
# not the one that is named. It needs the passwords themselves, for it logs in to
# PostgreSQL with them. The bindings have to be in use.
write_userlist() {
    prepare_pooler
    (umask 077 && list_users "$1" > "$pooler/.new")
    chown pgbouncer:pgbouncer "$pooler/.new"
    mv "$pooler/.new" "$pooler/userlist.txt"
}

list_users() {
    local file consumer
    printf '"app" "%s"\n' "${POSTGRESQL_PASSWORD//\"/\"\"}"
    for file in "$bindings"/*; do
        consumer=${file##*/}
        [ ! -f "$file" ] || [ "$consumer" = "$1" ] || printf '"bind_%s" "%s"\n' "$consumer" "$(< "$file")"
    done
}

as_pgbouncer() { setpriv --reuid=pgbouncer --regid=pgbouncer --clear-groups -- "$@"; }

# reload_pgbouncer SECONDS makes it read the list of users. It waits that long for one
# that does not listen, for it may have read the list already, and it sets listens to
# whether it did in the end.
reload_pgbouncer() {
    local messages deadline=$((SECONDS + $1))
    listens=yes
    until messages=$(as_pgbouncer psql --host="$pooler/socket" --port=6432 --username=pgbouncer --dbname=pgbouncer \
        --no-psqlrc --quiet --command=RELOAD 2>&1); do
        [[ $messages =~ 'No such file'|'Connection refused' ]] || {
            printf 'pgbouncer does not read its list of users:\n%s\n' "$messages" >&2
            return 1
        }
        ((SECONDS < deadline)) || {
            listens=''
            return 0
        }
        sleep 0.05
    done
}

# disconnect_clients ROLE ends those of its connections to PgBouncer that have
# none to PostgreSQL at the moment.
disconnect_clients() { as_pgbouncer perl - "$1" "$pooler/socket/.s.PGSQL.6432" < lib/disconnect.pl; }
