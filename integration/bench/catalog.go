package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"
)

const (
	catalogPacks = 20
	// catalogConnections is how many clients there are, each of which asks again
	// as soon as it has its answer.
	catalogConnections = 16
	catalogWarmUp      = time.Second
	catalogTime        = 5 * time.Second
	catalogRate        = 20_000
	catalogLatency     = 5 * time.Millisecond
)

// catalog measures how often the catalog can be asked for.
func (b *bench) catalog(ctx context.Context) (err error) {
	folder, err := b.writeTinyPacks(catalogPacks)
	if err != nil {
		return err
	}
	b.doing("a broker that offers %d packs", catalogPacks)
	served, err := b.startBroker(ctx, b.brokerStore(), []string{folder})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, served.stop()) }()
	if len(served.services) != catalogPacks {
		return fmt.Errorf("the broker offers %d of %d packs", len(served.services), catalogPacks)
	}
	t := newTable(b.out, "", "requests/s", "median, ms", "p99, ms", "largest, ms", "bytes")
	var rates []float64
	var nineties sample
	for run := range min(3, b.pairs) {
		b.doing("%d connections ask for the catalog", catalogConnections)
		if _, err := served.load(ctx, catalogConnections, catalogWarmUp); err != nil {
			return err
		}
		found, err := served.load(ctx, catalogConnections, catalogTime)
		if err != nil {
			return err
		}
		p99 := found.percentile(99)
		t.row(fmt.Sprintf("run %d", run+1), fmt.Sprintf("%.0f", found.rate()), inMilliseconds(found.percentile(50)),
			inMilliseconds(p99), inMilliseconds(found.percentile(100)), strconv.Itoa(found.size))
		rates, nineties = append(rates, found.rate()), append(nineties, p99)
	}
	t.end()
	fmt.Fprint(b.out, "\n  the clients run on the same processors as the broker, and take their share\n")
	slices.Sort(rates)
	rate := rates[len(rates)/2]
	b.judge("catalog: requests a second", fmt.Sprintf("%.0f", rate), fmt.Sprintf("at least %d", catalogRate), rate >= catalogRate)
	b.judge("catalog: p99", inMilliseconds(nineties.median())+" ms", inMilliseconds(catalogLatency)+" ms", nineties.median() < catalogLatency)
	return nil
}

func inMilliseconds(d time.Duration) string {
	return fmt.Sprintf("%.2f", float64(d.Microseconds())/1000)
}

// tinyQuery is all that a pack needs to be offered.
const tinyQuery = `#!/bin/sh
case $1 in
os) echo debian/12 ;;
ports) echo 7000 ;;
esac
`

const tinyManifest = `group: org.servicepack.bench
version: 1.0.%d
description: A service that is offered and never made
tags: [tiny, bench]
plans:
  - {name: small, description: Little, free: true, limits: {memory: 64m, storage: 1m}}
  - {name: large, description: Much, free: false, limits: {memory: 128m, storage: 16m}}
catalog:
  display_name: Tiny %d
  long_description: One of many services, so that the catalog is as long as that of a platform with many
`

// writeTinyPacks writes packs that are only ever offered, and returns the folder
// that they are in.
func (b *bench) writeTinyPacks(count int) (string, error) {
	folder := filepath.Join(b.work, b.name("tiny"))
	for i := range count {
		pack := filepath.Join(folder, fmt.Sprintf("tiny-%02d", i))
		if err := os.MkdirAll(filepath.Join(pack, "bin"), 0o755); err != nil {
			return "", err
		}
		scripts := map[string]string{
			"bin/query": tinyQuery, "bin/build": "#!/bin/sh\n", "bin/run": "#!/bin/sh\nexec sleep infinity\n",
			"servicepack.yaml": fmt.Sprintf(tinyManifest, i, i),
		}
		for name, content := range scripts {
			if err := os.WriteFile(filepath.Join(pack, name), []byte(content), 0o755); err != nil {
				return "", err
			}
		}
	}
	return folder, nil
}
