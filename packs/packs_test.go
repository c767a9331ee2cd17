package packs_test

import (
	"io/fs"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/servicepack/svp/packs"
)

// A pack is one folder that stands alone, so what packs have in common is copied:
// files of the same name in lib/ are the same.

// ownVersions are the deliberate exceptions: a file, and the packs that each have
// another version of it than the rest.
var ownVersions = map[string][][]string{
	// Each pack hands out other variables.
	"lib/env": {{"hipache"}, {"mariadb"}, {"memcached"}, {"pgbouncer"}, {"postgresql"}, {"rabbitmq"}, {"redis"}},
	// These put empty packages in the place of some that nobody needs.
	"lib/packages.sh": {{"mariadb", "rabbitmq"}, {"pgbouncer", "postgresql"}},
}

// copiedBeyondLib are files outside lib/ that are copies too.
var copiedBeyondLib = map[string][]string{
	"bin/backup":      {"pgbouncer", "postgresql"},
	"bin/fingerprint": {"pgbouncer", "postgresql"},
	"bin/restore":     {"pgbouncer", "postgresql"},
	"bin/usage":       {"pgbouncer", "postgresql"},
	"etc/pg_hba.conf": {"pgbouncer", "postgresql"},
}

func TestCopiesStayEqual(t *testing.T) {
	having := packsByFile(t)
	for file := range ownVersions {
		if len(having[file]) < 2 {
			t.Errorf("%s is an exception, and only %q have it", file, having[file])
		}
	}
	for file, all := range having {
		for _, version := range versions(file, all) {
			requireSame(t, file, version)
		}
	}
	for file, same := range copiedBeyondLib {
		requireSame(t, file, same)
	}
}

// packsByFile tells which packs have which files in lib/.
func packsByFile(t *testing.T) map[string][]string {
	t.Helper()
	having := map[string][]string{}
	err := fs.WalkDir(packs.FS, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		if pack, file, _ := strings.Cut(name, "/"); strings.HasPrefix(file, "lib/") {
			having[file] = append(having[file], pack)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return having
}

// versions groups the packs with the file by which version of it they have: those
// with one of their own, and the rest.
func versions(file string, having []string) [][]string {
	rest := slices.Clone(having)
	for _, version := range ownVersions[file] {
		rest = slices.DeleteFunc(rest, func(pack string) bool { return slices.Contains(version, pack) })
	}
	return append(slices.Clone(ownVersions[file]), rest)
}

func requireSame(t *testing.T, file string, having []string) {
	t.Helper()
	for _, pack := range having {
		if content(t, pack, file) != content(t, having[0], file) {
			t.Errorf("%s of %s differs from that of %s, of which it is a copy", file, pack, having[0])
		}
	}
}

func content(t *testing.T, pack, file string) string {
	t.Helper()
	text, err := fs.ReadFile(packs.FS, path.Join(pack, file))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
