package main

import (
	"context"
	"fmt"
	"time"
)

// packDockerfile does what svp build does.
const packDockerfile = `FROM %s
COPY . /service
WORKDIR /service
RUN bin/build base
ENTRYPOINT ["bin/run"]
`

// cached measures builds that find everything done.
func (b *bench) cached(ctx context.Context) error {
	t := newTable(b.out, "pack", "svp build, s", "docker build, s", "ratio", "difference [interval]")
	defer t.end()
	for _, p := range b.packs {
		b.doing("%s: cached build", p.name)
		svp, docker, err := b.cachedOf(ctx, p)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			t.row(p.name, "not measured: "+lastLines(err.Error()))
			b.judge(p.name+": cached build", "not measured", "", false)
			continue
		}
		t.compared(svp, docker, p.name)
		b.judgeSamples(p.name+": cached build", svp, docker, cachedRatio)
	}
	return nil
}

func (b *bench) cachedOf(ctx context.Context, p pack) (svp, docker sample, err error) {
	if _, err := b.makeBases(ctx, p); err != nil {
		return nil, nil, err
	}
	dockerfile, err := b.writeDockerfile("cached-"+p.name, fmt.Sprintf(packDockerfile, p.os))
	if err != nil {
		return nil, nil, err
	}
	build := func(ctx context.Context) (time.Duration, error) {
		done, err := b.dockerBuild(ctx, dockerfile, p.dir, b.image(p, "cached"))
		return done.took, err
	}
	if _, err := build(ctx); err != nil { // which fills the cache
		return nil, nil, err
	}
	return alternate(ctx, b.pairs, b.svpBuildAgain(p), build)
}
