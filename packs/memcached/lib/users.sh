# shellcheck shell=bash disable=SC2034 # used by the scripts that source it
# The SASL users of memcached, which looks into the file at every login. A user
# belongs to a realm, which is the host name unless a client says otherwise.

run=/run/memcached
users=$run/sasldb2
kept=/var/lib/memcached/bindings
connections=/usr/lib/memcached-connections.so # lib/connections.c

# set_user FILE NAME PASSWORD
set_user() { printf %s "$3" | saslpasswd2 -p -c -a memcached -f "$1" "$2"; }

remove_user() { saslpasswd2 -d -a memcached -f "$1" "$2"; }

# change_users COMMAND [ARG…] runs COMMAND FILE ARG… on a copy of the file, which
# then takes its place in one step.
change_users() {
    [ -e "$users" ] || {
        echo 'memcached does not run' >&2
        return 1
    }
    (umask 077 && cp "$users" "$users.new")
    "$1" "$users.new" "${@:2}"
    chown memcache:memcache "$users.new"
    mv "$users.new" "$users"
}
