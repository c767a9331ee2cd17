#!/bin/bash
# What the official image does at its first start, but for the time zones: a data
# directory, a server that only this container can reach to make the database and
# its user, and then the server itself.
set -euo pipefail

if [ "$(id -u)" = 0 ]; then
    exec setpriv --reuid=mysql --regid=mysql --init-groups "$0" "$@"
fi
if [ ! -d /var/lib/mysql/mysql ]; then
    mariadb-install-db --datadir=/var/lib/mysql --auth-root-authentication-method=normal --skip-test-db > /dev/null
    "$@" --skip-networking &
    server=$!
    until mariadb-admin --user=root ping > /dev/null 2>&1; do sleep 0.1; done
    mariadb --user=root << END
CREATE DATABASE \`$MARIADB_DATABASE\`;
CREATE USER '$MARIADB_USER'@'%' IDENTIFIED BY '$MARIADB_PASSWORD';
GRANT ALL ON \`$MARIADB_DATABASE\`.* TO '$MARIADB_USER'@'%';
ALTER USER root@localhost IDENTIFIED BY '$MARIADB_PASSWORD';
END
    kill "$server"
    wait "$server"
fi
exec "$@"
