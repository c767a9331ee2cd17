# shellcheck shell=bash
# The accounts that applications log in with: app, and one for each consumer that
# has a binding.

# Not a database, says etc/servicepack.cnf.
bindings_folder=/var/lib/mysql/.bindings

# password_hash PASSWORD prints what MariaDB stores, a SHA-1 of the SHA-1, so that
# no file and no statement holds the password, and any byte may be part of it.
password_hash() {
    local digest bytes='' i
    digest=$(printf %s "$1" | sha1sum)
    for ((i = 0; i < 40; i += 2)); do bytes+="\\x${digest:i:2}"; done
    digest=$(printf %b "$bytes" | sha1sum)
    digest=${digest%% *}
    printf '*%s' "${digest^^}"
}

# consumer_accounts prints the accounts of all consumers.
consumer_accounts() {
    local file
    for file in "$bindings_folder"/*; do
        [ ! -f "$file" ] || echo "bind_${file##*/}"
    done
}

# lock_entry MODE waits up to a minute for the lock, which is held until the script
# ends: a restore keeps applications out with --exclusive, and who lets one in has --shared.
lock_entry() {
    exec 7> /run/mariadb-entry.lock
    flock "$1" --timeout 60 7
}

# app_is_locked succeeds when applications are kept out, also by a restore that was killed.
app_is_locked() {
    [ "$(mariadb --batch --skip-column-names <<< "SELECT JSON_VALUE(priv, '$.account_locked') IS TRUE
        FROM mysql.global_priv WHERE user = 'app' AND host = '%'")" = 1 ]
}

# make_account ACCOUNT PASSWORD makes an account with the rights of app.
make_account() {
    local hash
    hash=$(password_hash "$2")
    mariadb << END
CREATE USER IF NOT EXISTS '$1' IDENTIFIED VIA mysql_native_password USING '$hash';
ALTER USER '$1' IDENTIFIED VIA mysql_native_password USING '$hash' ACCOUNT UNLOCK;
GRANT ALL PRIVILEGES ON app.* TO '$1';
END
}

# close_account ACCOUNT lets nobody log in, and ends the connections.
close_account() {
    mariadb << END
ALTER USER IF EXISTS '$1' IDENTIFIED VIA mysql_native_password USING 'invalid' ACCOUNT LOCK;
KILL USER '$1';
END
}

# drop_account ACCOUNT, unless something runs with its rights: a view, routine,
# trigger or event that it made. Then it stays closed, and that goes on working.
drop_account() {
    local definer
    while read -r definer; do
        [ "$definer" != "$1" ] || return 0
    done <<< "$(definers)"
    mariadb <<< "DROP USER IF EXISTS '$1'"
}

# add_definers makes closed accounts for consumers whose views, routines, triggers
# or events a restore brought, but who are not here.
add_definers() {
    local definer
    while read -r definer; do
        [ -z "$definer" ] || mariadb << END
CREATE USER IF NOT EXISTS '$definer' IDENTIFIED VIA mysql_native_password USING 'invalid' ACCOUNT LOCK;
GRANT ALL PRIVILEGES ON app.* TO '$definer';
END
    done <<< "$(definers)"
}

# definers prints the accounts of consumers, present or former, with whose rights
# something in the database runs.
definers() {
    mariadb --batch --raw --skip-column-names << 'END'
SELECT DISTINCT SUBSTRING_INDEX(definer, '@', 1) FROM (
    SELECT definer FROM information_schema.views WHERE table_schema = 'app'
    UNION SELECT definer FROM information_schema.routines WHERE routine_schema = 'app'
    UNION SELECT definer FROM information_schema.triggers WHERE trigger_schema = 'app'
    UNION SELECT definer FROM information_schema.events WHERE event_schema = 'app'
) d WHERE definer REGEXP '^bind_[a-z0-9][a-z0-9_.-]*@%$'
END
}
