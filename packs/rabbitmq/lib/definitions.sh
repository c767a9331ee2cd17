# shellcheck shell=bash
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

# definitions PASSWORD
definitions() {
    cat << END
{
  "vhosts": [{"name": "app"}],
  "users": [{
    "name": "app",
    "password_hash": "$(password_hash "$1")",
    "hashing_algorithm": "rabbit_password_hashing_sha256",
    "tags": ["management"]
  }],
  "permissions": [{"user": "app", "vhost": "app", "configure": ".*", "write": ".*", "read": ".*"}]
}
END
}
