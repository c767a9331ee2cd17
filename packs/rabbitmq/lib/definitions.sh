# shellcheck shell=bash disable=SC2154 # it needs rabbitmq.sh and bindings.sh
# What the server has to have at every start, as a definitions file of RabbitMQ's.

# password_hash PASSWORD prints what RabbitMQ stores: a salt and a SHA-256. Any byte may
# be part of a password.
password_hash() {
    local salt digest bytes='' i
    read -r salt < /proc/sys/kernel/random/uuid
    salt=\\x${salt:0:2}\\x${salt:2:2}\\x${salt:4:2}\\x${salt:6:2}
    digest=$({ printf %b "$salt"; printf %s "$1"; } | sha256sum)
    for ((i = 0; i < 64; i += 2)); do bytes+="\\x${digest:i:2}"; done
    printf %b "$salt$bytes" | base64 --wrap=0
}

# user NAME PASSWORD TAGS
user() {
    printf '{"name": "%s", "password_hash": "%s", "hashing_algorithm": "rabbit_password_hashing_sha256", "tags": [%s]}' \
        "$1" "$(password_hash "$2")" "$3"
}

# permission USER lets the user do everything in the virtual host.
permission() {
    printf '{"user": "%s", "vhost": "app", "configure": ".*", "write": ".*", "read": ".*"}' "$1"
}

# write_definitions CONSUMER… writes the file, with a user for each consumer.
write_definitions() {
    local users permissions consumer password
    users=$(user app "${RABBITMQ_PASSWORD:?}" '"management"')
    permissions=$(permission app)
    for consumer in "$@"; do
        binding_password "$consumer"
        users+=$',\n  '$(user "bind_$consumer" "$password" '')
        permissions+=$',\n  '$(permission "bind_$consumer")
    done
    (umask 077 && cat > "$definitions.new") << END
{"vhosts": [{"name": "app"}],
 "users": [
  $users],
 "permissions": [
  $permissions]}
END
    chown rabbitmq:rabbitmq "$definitions.new"
    mv "$definitions.new" "$definitions"
}
