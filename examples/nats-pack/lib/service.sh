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

# reload lets the server take the configuration over, and returns when it has: who is
# no user any more is disconnected, and who is one now can log in. Whoever calls it has
# the lock of the bindings, for another's reload would be taken for this one's, as that
# of a script that was killed in between still is.
reload() {
    local before deadline=$((SECONDS + 10))
    config_load_time || {
        echo 'the server does not answer on port 8222' >&2
        return 1
    }
    before=$loaded
    kill -HUP "$(< /run/nats/nats.pid)"
    until config_load_time && [ "$loaded" != "$before" ]; do
        ((SECONDS < deadline)) || {
            echo "the server did not read $config again; its log tells why" >&2
            return 1
        }
        sleep 0.02
    done
}

# config_load_time sets loaded to when the server read its configuration last, as its
# monitoring tells.
config_load_time() {
    local line
    loaded=''
    { exec 3<> /dev/tcp/127.0.0.1/8222; } 2> /dev/null || return 1
    printf 'GET /varz HTTP/1.0\r\n\r\n' >&3
    while IFS= read -r -t 5 line <&3; do
        [[ $line != *'"config_load_time"'* ]] || loaded=$line
    done
    exec 3>&-
    [ -n "$loaded" ]
}
