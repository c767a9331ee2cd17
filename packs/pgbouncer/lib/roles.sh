# shellcheck shell=bash disable=SC2154 # lib/postgresql.sh has the names
# The roles of consumers. Each acts as the role app from the moment it logs in, so
# that what one makes belongs to app, is everybody's, and stays when it goes.

# make_role ROLE PASSWORD. It can log in only when all else is done. psql asks for
# the password and sends what the server stores, so that no log or statistics of
# statements can hold it; without a session of its own it would ask the terminal.
make_role() {
    local messages
    messages=$(printf '%s\n%s\n' "$2" "$2" |
        as_postgres setsid --wait psql --username=postgres --dbname=postgres --no-psqlrc --quiet --set=ON_ERROR_STOP=1 \
            --command="DO \$\$ BEGIN CREATE ROLE \"$1\"; EXCEPTION WHEN duplicate_object THEN NULL; END \$\$" \
            --command="GRANT app TO \"$1\"" \
            --command="ALTER ROLE \"$1\" SET role TO app" \
            --command="\\password \"$1\"" \
            --command="ALTER ROLE \"$1\" LOGIN" 2>&1) || {
        printf 'bind: cannot make the role %s:\n%s\n' "$1" "$messages" >&2
        return 1
    }
}

# drop_role ROLE. A restore at the same time brings and takes databases in which
# something may be the role's.
drop_role() {
    local attempt messages
    close_role "$1"
    for attempt in 1 2 3 4 5; do
        if messages=$(remove_role "$1" 2>&1); then return; fi
    done
    printf 'unbind: the role %s can log in no more, but is still there, after %s attempts:\n%s\n' "$1" "$attempt" "$messages" >&2
    return 1
}

# close_role refuses the role's next login and ends its sessions.
close_role() {
    admin_sql --dbname=postgres --set="role=$1" > /dev/null << 'END'
SELECT format('ALTER ROLE %I NOLOGIN PASSWORD NULL', rolname) FROM pg_roles WHERE rolname = :'role'
\gexec
SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE usename = :'role';
END
}

# remove_role also ends a session whose login was on its way when it was closed.
remove_role() {
    local database databases
    databases=$(databases_with "$1") || return
    while read -r database; do
        [ -z "$database" ] || give_away "$1" "$database" || return
    done <<< "$databases"
    admin_sql --dbname=postgres --set="role=$1" > /dev/null << 'END'
SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE usename = :'role';
SET client_min_messages = warning;
DROP ROLE IF EXISTS :"role";
END
}

# databases_with ROLE lists where something is the role's, or granted to it.
databases_with() {
    admin_sql --dbname=postgres --set="role=$1" << 'END'
SELECT DISTINCT coalesce(datname, 'app') FROM pg_shdepend LEFT JOIN pg_database d ON d.oid = dbid
    WHERE refclassid = 'pg_authid'::regclass AND refobjid = (SELECT oid FROM pg_roles WHERE rolname = :'role');
END
}

# give_away ROLE DATABASE leaves what the role owns, which is only what it made
# after "SET ROLE NONE", to app, and takes the rights that it was granted.
give_away() {
    admin_sql --dbname="$2" --set="role=$1" << 'END'
SET lock_timeout = '10s';
REASSIGN OWNED BY :"role" TO app;
DROP OWNED BY :"role";
END
}

# restore_password makes sure that app has the instance's password. A consumer
# acts as app, so it could have given it another one, to come back with.
restore_password() {
    local messages
    # After a rotation that is under way, the password of here is the old one.
    [ "$(< "$password_mark")" = "$(mark_of_password)" ] || return 0
    messages=$(PGPASSWORD=$POSTGRESQL_PASSWORD psql --username=app --no-psqlrc --quiet --command='SELECT' 2>&1) && return
    password_sql "$POSTGRESQL_PASSWORD" |
        PGOPTIONS='-c log_statement=none -c log_min_error_statement=panic' admin_sql --dbname=postgres
    [[ $messages == *'password authentication failed'* ]] || return 0 # it may have been right
    admin_sql --dbname=postgres > /dev/null \
        --command="SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE usename = 'app'"
}
