package packages

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/servicepack/svp/engine/lazyregexp"
)

// Record is what is known of a package that is on this machine. No secret is in
// it.
type Record struct {
	Coordinate string `json:"coordinate,omitempty"` // empty for a pack that has none
	SHA256     string `json:"sha256"`               // of the file that it came in
	Size       int64  `json:"size"`
	PackDigest string `json:"pack_digest"`
	// BundledDigest is of what packaging added to the pack (pack.Dir.BundledDigest).
	BundledDigest string `json:"bundled_digest"`
	// Source is the repository, the reference or the file that it came from.
	Source string `json:"source"`
	// SignedBy is the trusted key that signed it; empty where none has.
	SignedBy string `json:"signed_by,omitempty"`
}

// recordFile is the name of the record beside a folder. It begins with a dot, which
// no version and no name does.
func recordFile(folder string) string {
	return filepath.Join(filepath.Dir(folder), "."+filepath.Base(folder)+".json")
}

var (
	hexSum     = lazyregexp.New(`^[0-9a-f]{64}$`)
	packDigest = lazyregexp.New(`^sha256:[0-9a-f]{64}$`)
)

// readRecord reads the record of a folder. The error matches fs.ErrNotExist where
// there is none, and ErrChangedSince where it is damaged, or an earlier svp's.
func readRecord(folder string) (Record, error) {
	name := recordFile(folder)
	content, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		return Record{}, err
	}
	if err != nil {
		return Record{}, fmt.Errorf("the record %s cannot be read: %w", name, err)
	}
	var record Record
	err = json.Unmarshal(content, &record) // a later svp may know more
	if err == nil && (!hexSum().MatchString(record.SHA256) || !packDigest().MatchString(record.PackDigest) || !packDigest().MatchString(record.BundledDigest)) {
		err = errors.New("a digest is missing")
	}
	if err != nil {
		return Record{}, fmt.Errorf("%w: the record %s cannot be read: %w", ErrChangedSince, name, err)
	}
	return record, nil
}

// decodeStrictly reads one JSON document whose fields are all known.
func decodeStrictly(content []byte, into any) error {
	decoder := json.NewDecoder(bytes.NewReader(content))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(into); err != nil {
		return err
	}
	if decoder.More() {
		return errors.New("something follows the document")
	}
	return nil
}

// encode writes one JSON document for people to read.
func encode(document any) ([]byte, error) {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	err := encoder.Encode(document)
	return text.Bytes(), err
}

// writeWhole writes a file that is there whole or not at all, and stays after a
// crash of the machine.
func writeWhole(name string, content []byte) error {
	file, err := os.CreateTemp(filepath.Dir(name), temporaryPrefix(name)+"*")
	if err != nil {
		return err
	}
	_, err = file.Write(content)
	if err == nil {
		err = file.Chmod(0o644)
	}
	if err == nil {
		err = file.Sync()
	}
	err = errors.Join(err, file.Close())
	if err == nil {
		err = os.Rename(file.Name(), name)
	}
	if err != nil {
		return errors.Join(err, os.Remove(file.Name()))
	}
	syncFolder(filepath.Dir(name))
	return nil
}

// temporaryPrefix begins what becomes a whole file.
func temporaryPrefix(name string) string { return "." + filepath.Base(name) + ".svp-" }

// removeTemporaries removes what killed writers of a file left. Nobody else writes
// it meanwhile.
func removeTemporaries(name string) error {
	entries, err := os.ReadDir(filepath.Dir(name))
	for _, entry := range entries {
		if strings.HasPrefix(entry.Name(), temporaryPrefix(name)) {
			err = errors.Join(err, os.Remove(filepath.Join(filepath.Dir(name), entry.Name())))
		}
	}
	return err
}

// syncFolder makes new names survive a crash of the machine. Some file systems
// cannot; what the names stand for is safe all the same.
func syncFolder(name string) {
	folder, err := os.Open(name)
	if err != nil {
		return
	}
	defer folder.Close()
	_ = folder.Sync() // as explained above
}
