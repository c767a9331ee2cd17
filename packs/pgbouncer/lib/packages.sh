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

# install_packages NAME…
install_packages() {
    local cache=${SVP_CACHE_DIR:-/var/cache/apt} left_out
    local -a options=(
        --yes --quiet=2 --no-install-recommends
        -o "Dir::Cache::Archives=$cache/archives"
        -o APT::Keep-Downloaded-Packages=true
        -o APT::Sandbox::User=root
        -o Dpkg::Use-Pty=0
        -o Dpkg::Options::=--force-confold
    )
    for left_out in /usr/share/{doc,info,lintian,locale,man}/ /usr/share/postgresql/15/man/ \
        /usr/lib/postgresql/15/lib/{bitcode/,pgxs/,llvmjit}; do
        options+=(-o "Dpkg::Options::=--path-exclude=$left_out*")
    done
    mkdir -p "$cache/archives/partial"
    # The cache may be shared with another build, and apt does not wait for
    # its archive lock.
    exec 9> "$cache/servicepack.lock"
    flock 9
    # Keeps the packages' scripts from starting a service in the build.
    printf '#!/bin/sh\nexit 101\n' > /usr/sbin/policy-rc.d
    chmod 755 /usr/sbin/policy-rc.d

    offer_packages
    apt-get update --quiet=2
    DEBIAN_FRONTEND=noninteractive apt-get install "${options[@]}" "$@"

    [ -z "${offered-}" ] || rm -rf "$offered"
    rm -rf /usr/sbin/policy-rc.d /var/lib/apt/lists/* /var/cache/apt/* \
        /var/cache/debconf/*-old /var/lib/dpkg/*-old /var/cache/ldconfig/* \
        /var/log/apt /var/log/dpkg.log /var/log/alternatives.log
    exec 9>&-
}

# install_stand_ins installs an empty package in place of those that PostgreSQL's
# packages ask for and a container does not need: the compiler behind "jit"
# (130 MB), locales (a cluster in C.UTF-8 uses none), a self-signed certificate
# (whose key all instances would share), and Debian's management of several
# clusters, in Perl. The package database stays consistent, so that apt-get can
# install extensions later.
install_stand_ins() {
    local work
    work=$(mktemp -d)
    mkdir -p "$work/DEBIAN" "$work/usr/share/postgresql-common"
    cat > "$work/DEBIAN/control" << 'END'
Package: servicepack-postgresql-stand-ins
Version: 1
Architecture: all
Multi-Arch: foreign
Maintainer: The servicepack authors <packs@servicepack.org>
Provides: libllvm14 (= 1:14.0.6), locales (= 2.36), postgresql-client-common (= 248), postgresql-common (= 248), ssl-cert (= 1.1.2)
Description: empty stand-ins for packages that PostgreSQL in a container does not need
END
    # The packages' scripts call these to create, start and stop clusters.
    cat > "$work/usr/share/postgresql-common/maintscripts-functions" << 'END'
configure_version() { :; }
configure_client_version() { :; }
preinst_check_catversion() { :; }
stop_version() { :; }
remove_version() { :; }
remove_client_version() { :; }
END
    chmod 755 "$work"
    dpkg-deb --build --root-owner-group "$work" "$work.deb" > /dev/null
    dpkg --install "$work.deb"
    rm -rf "$work" "$work.deb"
}
