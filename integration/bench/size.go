package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// smallest says how the smallest image is made that can run a service: the same
// OS image, the packages that the service needs without recommended ones, and
// without what nothing at run time reads.
type smallest struct {
	packages string
	// purge are packages that the others insist on and the service never uses.
	purge string
	// remove are files of the packages that the service never uses.
	remove string
}

var smallestImages = map[string]smallest{
	"redis":   {packages: "redis-server"},
	"hipache": {packages: "redis-server nginx libnginx-mod-http-lua"},
	"syslog":  {packages: "rsyslog"},
	// Statistics, in Perl.
	"memcached": {packages: "memcached libsasl2-modules", purge: perl, remove: "/usr/share/memcached/scripts"},
	// A client in Python, the service's init script and its rotation of logs, parts
	// of Erlang, and plugins for clouds and other servers' accounts.
	"rabbitmq": {
		packages: "rabbitmq-server",
		purge: "python3 python3.11 python3-minimal python3.11-minimal libpython3-stdlib libpython3.11-stdlib " +
			"libpython3.11-minimal media-types logrotate cron-daemon-common libpopt0 socat procps libproc2-0 openssl",
		remove: "/usr/lib/erlang/lib/eldap-* /usr/lib/erlang/lib/ftp-* /usr/lib/erlang/lib/snmp-* /usr/lib/erlang/lib/tftp-* " +
			rabbitmqPlugins + "rabbitmq_auth_* " + rabbitmqPlugins + "rabbitmq_peer_discovery_* " + rabbitmqPlugins + "rabbitmq_aws-* " +
			rabbitmqPlugins + "rabbitmq_trust_store-* " + rabbitmqPlugins + "*_examples-* " + rabbitmqPlugins + "eetcd-* " +
			rabbitmqPlugins + "gun-* " + rabbitmqPlugins + "jose-*",
	},
	// The compiler for queries, and Debian's tools for several clusters with the
	// Perl below them.
	"postgresql": {
		packages: "postgresql-15", purge: postgresqlPurge, remove: "/usr/lib/postgresql/15/lib/bitcode",
	},
	"pgbouncer": {
		packages: "postgresql-15 pgbouncer", purge: postgresqlPurge, remove: "/usr/lib/postgresql/15/lib/bitcode",
	},
	// Every program is linked statically: the server and the client stay.
	"mariadb": {
		packages: "mariadb-server-core mariadb-client-core",
		remove:   "$(dpkg -L mariadb-server-core mariadb-client-core | grep ^/usr/bin/ | grep -vxE '/usr/bin/(mariadb|mariadb-dump|mariadb-install-db|my_print_defaults|resolveip)')",
	},
}

const (
	rabbitmqPlugins = "/usr/lib/rabbitmq/lib/*/plugins/"
	perl            = "perl perl-modules-5.36 libperl5.36 libgdbm6 libgdbm-compat4"
	postgresqlPurge = "libllvm14 libz3-4 libedit2 postgresql-common postgresql-client-common ssl-cert libjson-perl " + perl
)

const smallestDockerfile = `FROM %s
RUN printf 'path-exclude=/usr/share/%%s/*\n' doc info lintian locale man > /etc/dpkg/dpkg.cfg.d/bench && \
    printf '#!/bin/sh\nexit 101\n' > /usr/sbin/policy-rc.d && chmod 755 /usr/sbin/policy-rc.d && \
    apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends %s && \
    for package in %s; do dpkg --force-all --purge "$package" > /dev/null 2>&1 || true; done; \
    rm -rf %s \
        /usr/sbin/policy-rc.d /etc/dpkg/dpkg.cfg.d/bench /var/lib/apt/lists/* /var/cache/apt/* /var/log/* \
        /var/cache/debconf/*-old /var/lib/dpkg/*-old /var/cache/ldconfig/* \
        /var/lib/mysql/* /var/lib/postgresql/* /var/lib/rabbitmq/*
`

// size compares what the base images weigh.
func (b *bench) size(ctx context.Context) error {
	t := newTable(b.out, "pack", "svp", "smallest", "ratio", "of which the OS image", "packages of the smallest")
	defer t.end()
	for _, p := range b.packs {
		recipe, ok := smallestImages[p.name]
		if !ok {
			continue // a pack that is not one of the repository's
		}
		b.doing("%s: smallest image", p.name)
		sizes, err := b.sizes(ctx, p, recipe)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			t.row(p.name, "not measured: "+lastLines(err.Error()))
			b.judge(p.name+": size", "not measured", "", false)
			continue
		}
		svp, small := float64(sizes[0]), float64(sizes[1])
		t.row(p.name, megabytes(sizes[0]), megabytes(sizes[1]), fmt.Sprintf("%.2f×", svp/small),
			megabytes(sizes[2]), recipe.String())
		b.judgeRatio(p.name+": size", svp, small, sizeRatio)
	}
	return nil
}

// sizes are those of svp's image, of the smallest, and of the OS image.
func (b *bench) sizes(ctx context.Context, p pack, recipe smallest) (sizes [3]int64, err error) {
	made, err := b.makeBases(ctx, p)
	if err != nil {
		return sizes, err
	}
	content := fmt.Sprintf(smallestDockerfile, p.os, recipe.packages, recipe.purge, recipe.remove)
	dockerfile, err := b.writeDockerfile("smallest-"+p.name, content)
	if err != nil {
		return sizes, err
	}
	nothing := filepath.Join(b.work, "nothing")
	if err := os.MkdirAll(nothing, 0o755); err != nil {
		return sizes, err
	}
	reference := b.image(p, "smallest")
	if _, err := b.dockerBuild(ctx, dockerfile, nothing, reference); err != nil {
		return sizes, err
	}
	for i, image := range []string{made.svp, reference, p.os} {
		inspected, err := b.docker.ImageInspect(ctx, image)
		if err != nil {
			return sizes, err
		}
		sizes[i] = inspected.Size
	}
	return sizes, nil
}

func (s smallest) String() string {
	text := s.packages
	if s.purge != "" {
		text += ", without " + strings.Join(strings.Fields(s.purge)[:1], " ") + " and others"
	}
	return text
}
