# shellcheck shell=bash
# The configuration of the server: it has the users, and is what a reload reads.

folder=/var/lib/nats
config=/run/nats/nats.conf

# quoted TEXT prints it as a string of the configuration.
quoted() {
    local text=${1//\\/\\\\}
    printf '"%s"' "${text//\"/\\\"}"
}

# write_config writes all users: the instance's, and those of the consumers. Whoever
# calls it has the lock of the bindings.
write_config() {
    local file
    install -d -o nats -g nats -m 700 "${config%/*}"
    {
        cat etc/nats.conf
        echo 'authorization { users: ['
        echo "  {user: app, password: $(quoted "${NATS_PASSWORD:?}")}"
        for file in "$folder"/bindings/[a-z0-9]*; do
            [ ! -s "$file" ] || echo "  {user: $(quoted "bind_${file##*/}"), password: $(quoted "$(< "$file")")}"
        done
        echo ']}'
    } > "$config.new"
    chown nats:nats "$config.new"
    mv "$config.new" "$config"
}

# reload lets the server take the configuration over: who is no user any more is
# disconnected.
reload() {
    kill -HUP "$(< /run/nats/nats.pid)"
}
