# shellcheck shell=bash
# Installs Debian packages so that only what they need at run time stays in
# the image.

# offer_packages lets apt see the Debian packages that came with the pack, and
# nothing else: those in SVP_DEPENDENCIES, where there are any. Then the build
# needs no network.
offer_packages() {
    local file number=0
    local -a files=("${SVP_DEPENDENCIES:-/nonexistent}"/*.deb)
    [ -e "${files[0]}" ] || return 0
    offered=$(mktemp -d)
    for file in "${files[@]}"; do
        number=$((number + 1))
        # apt takes what looks like an escape in a name for one.
        ln -s "$file" "$offered/$number.deb"
        dpkg-deb --field "$file"
        printf 'Filename: ./%s.deb\nSize: %s\nSHA256: %s\n\n' "$number" \
            "$(stat --format=%s "$file")" "$(sha256sum < "$file" | cut -d ' ' -f 1)"
    done > "$offered/Packages"
    echo "deb [trusted=yes] file:$offered ./" > "$offered/sources.list"
    cat > "$offered/apt.conf" << END
Dir::Etc::SourceList "$offered/sources.list";
Dir::Etc::SourceParts "-";
APT::Sandbox::User "root";
END
    export APT_CONFIG=$offered/apt.conf
}

# The cache may be shared with another build, and apt does not wait for its
# archive lock. The lock is held until clean_packages.
prepare_packages() {
    package_cache=${SVP_CACHE_DIR:-/var/cache/apt}
    mkdir -p "$package_cache/archives/partial"
    exec 9> "$package_cache/servicepack.lock"
    flock 9
    # Keeps the packages' scripts from starting a service in the build.
    printf '#!/bin/sh\nexit 101\n' > /usr/sbin/policy-rc.d
    chmod 755 /usr/sbin/policy-rc.d
    offer_packages
    apt-get update --quiet=2
}

# install_packages NAME…
install_packages() {
    DEBIAN_FRONTEND=noninteractive apt-get install \
        --yes --quiet=2 --no-install-recommends \
        -o "Dir::Cache::Archives=$package_cache/archives" \
        -o APT::Keep-Downloaded-Packages=true \
        -o APT::Sandbox::User=root \
        -o Dpkg::Use-Pty=0 \
        -o Dpkg::Options::=--force-confold \
        -o 'Dpkg::Options::=--path-exclude=/usr/share/doc/*' \
        -o 'Dpkg::Options::=--path-exclude=/usr/share/man/*' \
        -o 'Dpkg::Options::=--path-exclude=/usr/share/locale/*' \
        -o 'Dpkg::Options::=--path-exclude=/usr/share/lintian/*' \
        "$@"
}

clean_packages() {
    [ -z "${offered-}" ] || rm -rf "$offered"
    rm -rf /usr/sbin/policy-rc.d /var/lib/apt/lists/* /var/cache/apt/* \
        /var/cache/debconf/*-old /var/lib/dpkg/*-old /var/cache/ldconfig/* \
        /var/log/apt /var/log/dpkg.log /var/log/alternatives.log
    exec 9>&-
}
