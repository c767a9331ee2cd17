package broker

import (
	"context"
	"encoding/binary"
	"hash/fnv"
	"io/fs"
	"path/filepath"
	"time"
)

// watchInterval is how often the packs' folders are looked at, and leftOutInterval
// how often packs that were left out are asked again: a machine that was too busy
// to answer in time may have been why.
const (
	watchInterval   = 2 * time.Second
	leftOutInterval = time.Minute
)

// watch reads the packs anew when a file of theirs has changed, and now and then
// when one was left out. It looks instead
// of being told: that works on every file system, and packs are small.
func (b *Broker) watch(ctx context.Context) {
	b.every(ctx, watchInterval, "read the packs anew", func(ctx context.Context) error {
		b.reading.Lock()
		defer b.reading.Unlock()
		now := fingerprint(b.config.Packs)
		again := len(b.catalog.Load().broken) > 0 && b.now().Sub(b.readAt) >= leftOutInterval
		if now == b.packsRead && !again {
			return nil
		}
		return b.reload(ctx, now)
	})
}

// fingerprint changes when the files do: their names, sizes, modes or times. What
// cannot be read is as if it were not there; reading the packs will tell.
func fingerprint(folders []string) uint64 {
	hash := fnv.New64a()
	for _, folder := range folders {
		_ = filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
			if err != nil {
				return nil //nolint:nilerr // see above
			}
			info, err := entry.Info()
			if err != nil {
				return nil //nolint:nilerr // see above
			}
			_, _ = hash.Write([]byte(path)) // a hash takes everything
			_ = binary.Write(hash, binary.LittleEndian, []int64{info.Size(), info.ModTime().UnixNano(), int64(info.Mode())})
			return nil
		})
	}
	return hash.Sum64()
}
