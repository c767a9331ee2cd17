# shellcheck shell=bash
# The passwords of the consumers, a file each that only root can read. The file
# is what makes a binding: it is the first that is made and the last that goes.

# use_bindings FOLDER waits until no other script changes bindings. The lock is
# held until the script ends; no program that outlives it may inherit it.
use_bindings() {
    bindings=$1
    [ -d "$bindings" ] || (umask 077 && mkdir -p "$bindings")
    exec 8> "$bindings/.lock"
    flock 8
}

# binding_password CONSUMER sets password, to a new one where there is none.
binding_password() {
    local file=$bindings/$1 random
    password=''
    [ ! -s "$file" ] || read -r password < "$file"
    [ -z "$password" ] || return 0
    random=$(head -c 1024 /dev/urandom | LC_ALL=C tr -dc A-Za-z0-9)
    password=${random:0:32}
    [ ${#password} -eq 32 ] || return 1
    (umask 077 && echo "$password" > "$bindings/.new")
    sync "$bindings/.new" # a file without its content would be another password
    mv "$bindings/.new" "$file"
    sync "$bindings"
}

forget_binding() {
    rm -f "$bindings/$1"
    sync "$bindings"
}

# binding_consumer CONSUMER: what the engine makes sure of, since a file is named so.
binding_consumer() {
    [[ ${1-} =~ ^[a-z0-9][a-z0-9_.-]{0,47}$ ]] || {
        echo "a consumer is a name of letters, digits, dots, hyphens and underscores, not '${1-}'" >&2
        return 2
    }
}
