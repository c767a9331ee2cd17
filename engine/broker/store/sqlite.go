package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	_ "modernc.org/sqlite" // registers the driver "sqlite"
)

// sqliteReaders is how many reads run beside each other and the one writer.
const sqliteReaders = 4

// sqlite has one connection that writes, so that writers queue here and not in
// SQLite, which makes them poll; reads go on meanwhile.
type sqlite struct {
	writer, reader *sql.DB
	lock           *os.File
	file           string
	opened         fs.FileInfo // of the file
}

// openSQLite opens the file, which it makes if need be, readable by its owner
// alone. No other process may have it open: with this an owner other than the
// process itself is dead.
func openSQLite(ctx context.Context, location string) (_ *sqlite, err error) {
	file, err := resolve(location)
	if err != nil {
		return nil, err
	}
	if err := checkFile(file); err != nil {
		return nil, err
	}
	lock, err := lockFile(file + ".lock")
	if err != nil {
		return nil, err
	}
	opened := &sqlite{lock: lock, file: file}
	defer func() {
		if err != nil {
			err = errors.Join(err, opened.close())
		}
	}()
	if err := makePrivate(file); err != nil {
		return nil, err
	}
	if opened.opened, err = os.Stat(file); err != nil {
		return nil, err
	}
	// Busy is a store only when somebody looks into it with another program.
	shared := url.Values{"_pragma": {"busy_timeout(10000)", "foreign_keys(1)", "synchronous(FULL)", "cache_size(-1024)"}}
	opened.writer, err = openPool(file, shared, url.Values{"_pragma": {"journal_mode(WAL)"}, "_txlock": {"immediate"}})
	if err != nil {
		return nil, err
	}
	opened.writer.SetMaxOpenConns(1)
	opened.reader, err = openPool(file, shared, url.Values{"_pragma": {"query_only(1)"}})
	if err != nil {
		return nil, err
	}
	opened.reader.SetMaxOpenConns(sqliteReaders)
	return opened, opened.writer.PingContext(ctx)
}

// openPool escapes the name, in which a ? or a # would begin something else.
func openPool(file string, settings ...url.Values) (*sql.DB, error) {
	all := url.Values{}
	for _, values := range settings {
		for name, list := range values {
			all[name] = append(all[name], list...)
		}
	}
	location := url.URL{Scheme: "file", Path: file, RawQuery: all.Encode()}
	return sql.Open("sqlite", location.String())
}

// resolve gives one name to a file that has several, so that it has one lock.
func resolve(location string) (string, error) {
	file, err := filepath.Abs(location)
	if err != nil {
		return "", err
	}
	if resolved, err := filepath.EvalSymlinks(file); err == nil {
		return resolved, nil
	} else if !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	folder, err := filepath.EvalSymlinks(filepath.Dir(file))
	if err != nil {
		return "", err
	}
	return filepath.Join(folder, filepath.Base(file)), nil
}

// magic begins every SQLite file (SQLite's "Database File Format", section 1.2).
const magic = "SQLite format 3\x00"

// checkFile refuses what was named by mistake, before anything is done to it or
// put beside it.
func checkFile(name string) error {
	info, err := os.Lstat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%w: it is no regular file", ErrNoStore)
	}
	if info.Size() == 0 {
		return nil
	}
	file, err := os.Open(name)
	if err != nil {
		return err
	}
	defer file.Close()
	begin := make([]byte, len(magic))
	if _, err := io.ReadFull(file, begin); err != nil || string(begin) != magic {
		return fmt.Errorf("%w: it is no SQLite file", ErrNoStore)
	}
	return nil
}

// present tells whether the file is still the one that was opened.
func (s *sqlite) present() error {
	now, err := os.Stat(s.file)
	if errors.Is(err, fs.ErrNotExist) || err == nil && !os.SameFile(now, s.opened) {
		return ErrGone
	}
	return err
}

// makePrivate makes the file and keeps others out of it; SQLite gives the files
// that it puts beside it the same mode.
func makePrivate(file string) error {
	opened, err := os.OpenFile(file, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	return errors.Join(opened.Chmod(0o600), opened.Close())
}

// lockFile locks a file of its own: to open and close the store itself would end
// the locks that SQLite has on it.
func lockFile(name string) (*os.File, error) {
	opened, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := flock(opened); err != nil {
		return nil, errors.Join(fmt.Errorf("lock %s: %w", name, err), opened.Close())
	}
	return opened, nil
}

func (s *sqlite) begin(ctx context.Context, _ []lock) (*sql.Tx, int64, error) {
	if err := s.present(); err != nil {
		return nil, 0, err
	}
	// Immediate: whoever has begun is the only one that writes.
	tx, err := s.writer.BeginTx(ctx, nil)
	return tx, time.Now().UnixMicro(), err
}

func (s *sqlite) view(ctx context.Context) (*sql.Tx, error) {
	if err := s.present(); err != nil {
		return nil, err
	}
	return s.reader.BeginTx(ctx, nil)
}

func (s *sqlite) spell(statement string) string {
	return strings.NewReplacer("BYTES", "BLOB", "SKIP_LOCKED", "").Replace(statement)
}

func (s *sqlite) ping(ctx context.Context) error {
	if err := s.present(); err != nil {
		return err
	}
	var version int
	return s.reader.QueryRowContext(ctx, `SELECT version FROM broker_store`).Scan(&version)
}

func (s *sqlite) close() error {
	var err error
	for _, pool := range []*sql.DB{s.reader, s.writer} {
		if pool != nil {
			err = errors.Join(err, pool.Close())
		}
	}
	// Last: it ends the lock.
	return errors.Join(err, s.lock.Close())
}
