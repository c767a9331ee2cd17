# shellcheck shell=bash disable=SC2034 # used by the scripts that source it
# Where the data is and how to reach the server.

home=/var/lib/rabbitmq
data=$home/mnesia
definitions=/run/rabbitmq/definitions.json
programs=/usr/lib/rabbitmq/bin

# as_rabbitmq runs a program as the server's user. Its environment holds no
# secret: the server's own scripts would read what begins with RABBITMQ_.
as_rabbitmq() {
    env -i PATH="$PATH" HOME="$home" LANG=C.UTF-8 ERL_CRASH_DUMP_SECONDS=0 \
        setpriv --reuid=rabbitmq --regid=rabbitmq --init-groups -- "$@"
}

# evaluate prints what the server makes of the Erlang expressions on stdin, as "{ok, VALUE}".
# It is there at once, where rabbitmqctl starts an Erlang machine.
evaluate() { as_rabbitmq erl_call -sname rabbit@localhost -e; }

ctl() { as_rabbitmq "$programs/rabbitmqctl" --quiet "$@"; }

# A backup begins with this file.
backup_mark_file=servicepack-rabbitmq
backup_mark='rabbitmq backup 1'

# lock_data SECONDS keeps two scripts from stopping the server under each other.
# It fails when the other one takes longer than that.
lock_data() {
    exec 9> /run/rabbitmq-data.lock
    flock --timeout "$1" 9
}

# bound_consumers prints the consumers that have a password.
bound_consumers() { (cd "$home/bindings" && compgen -G '[a-z0-9]*') || true; }
