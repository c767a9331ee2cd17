package store_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/servicepack/svp/engine/broker/store"
)

func TestCreatedKeysAreReadBack(t *testing.T) {
	file := filepath.Join(t.TempDir(), "key")
	created, err := store.CreateKey(file)
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(file)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	read, err := store.ReadKey(file)
	if err != nil || !bytes.Equal(read.Derive("links"), created.Derive("links")) {
		t.Errorf("read another key: %v", err)
	}
	if len(read.Derive("links")) != 32 || bytes.Equal(read.Derive("links"), read.Derive("sessions")) {
		t.Error("what is derived for two purposes is the same, or short")
	}
	before, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := store.CreateKey(file); !errors.Is(err, fs.ErrExist) {
		t.Errorf("create where one is: %v, want fs.ErrExist", err)
	}
	after, err := os.ReadFile(file)
	if err != nil || !bytes.Equal(before, after) {
		t.Errorf("the key was replaced: %v", err)
	}
}

func TestOneOfManyCreatesTheKey(t *testing.T) {
	folder := t.TempDir()
	file := filepath.Join(folder, "key")
	var all sync.WaitGroup
	keys := make([]store.Key, 10)
	created := make([]bool, len(keys))
	for n := range keys {
		all.Go(func() {
			key, err := store.CreateKey(file)
			created[n] = err == nil
			if errors.Is(err, fs.ErrExist) {
				key, err = store.ReadKey(file)
			}
			if err != nil {
				t.Error(err)
				return
			}
			keys[n] = key
		})
	}
	all.Wait()
	if t.Failed() {
		return
	}
	count := 0
	for n, key := range keys {
		if created[n] {
			count++
		}
		if !bytes.Equal(key.Derive("links"), keys[0].Derive("links")) {
			t.Errorf("number %d has another key", n)
		}
	}
	entries, err := os.ReadDir(folder)
	if err != nil || count != 1 || len(entries) != 1 {
		t.Errorf("%d created it, and the folder has %v, %v", count, entries, err)
	}
}

func TestReadKey(t *testing.T) {
	material := bytes.Repeat([]byte{0xfb, 0xff}, 16)
	file := func(t *testing.T, text string, mode fs.FileMode) string {
		t.Helper()
		name := filepath.Join(t.TempDir(), "key")
		if err := os.WriteFile(name, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(name, mode); err != nil {
			t.Fatal(err)
		}
		return name
	}
	var same []byte
	for _, text := range []string{
		hex.EncodeToString(material), strings.ToUpper(hex.EncodeToString(material)) + "\r\n",
		base64.StdEncoding.EncodeToString(material) + "\n", base64.RawURLEncoding.EncodeToString(material),
	} {
		key, err := store.ReadKey(file(t, text, 0o600))
		if err != nil {
			t.Errorf("%q: %v", text, err)
			continue
		}
		if same == nil {
			same = key.Derive("links")
		}
		if !bytes.Equal(key.Derive("links"), same) {
			t.Errorf("%q is another key", text)
		}
	}
	for what, text := range map[string]string{
		"empty": "", "short": hex.EncodeToString(material[1:]), "long": hex.EncodeToString(material) + "00",
		"words": "correct horse battery staple", "raw": string(material), "huge": strings.Repeat("a", 1<<20),
	} {
		_, err := store.ReadKey(file(t, text, 0o400))
		if err == nil || text != "" && strings.Contains(err.Error(), text) || len(err.Error()) > 300 {
			t.Errorf("%s: %v", what, err)
		}
	}
	for _, mode := range []fs.FileMode{0o640, 0o604, 0o622, 0o601} {
		_, err := store.ReadKey(file(t, hex.EncodeToString(material), mode))
		if err == nil || !strings.Contains(err.Error(), "chmod 600") {
			t.Errorf("mode %04o: %v", mode, err)
		}
	}
	if _, err := store.ReadKey(filepath.Join(t.TempDir(), "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("absent: %v, want fs.ErrNotExist", err)
	}
}

func TestKeysDoNotPrintThemselves(t *testing.T) {
	file := filepath.Join(t.TempDir(), "key")
	key, err := store.CreateKey(file)
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	encoded, err := json.Marshal(map[string]any{"key": key})
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("key", "key", key)
	slog.New(slog.NewTextHandler(&log, nil)).Info("key", "key", key)
	material, err := hex.DecodeString(strings.TrimSpace(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	all := fmt.Sprintf("%v %+v %#v %s %x %d %v %+v", key, key, key, key, key, key, struct{ Key store.Key }{key}, &key) +
		string(encoded) + log.String()
	for _, leaked := range []string{strings.TrimSpace(string(text)), string(material), fmt.Sprint(material), fmt.Sprintf("%x", material[:4])} {
		if strings.Contains(all, leaked) {
			t.Errorf("it prints itself: %s", all)
		}
	}
	if !strings.Contains(all, "[redacted]") {
		t.Errorf("what is printed: %s", all)
	}
}
