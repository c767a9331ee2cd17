package envvar

import (
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/servicepack/svp/engine/secrets"
)

// ServiceBindingFiles returns the entries of a service binding, as
// servicebinding.io specifies it, each to be a file of its own: type (the
// label) and provider; uri, host, port, username, password and database as far
// as a URL-valued variable tells them; then every variable by its name. A
// variable called type or provider gives a *[VarError] with [ErrReserved].
func ServiceBindingFiles(s Set, svc Service) (Set, error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	files := Set{{Name: "type", Value: secrets.New(svc.Label)}}
	if svc.Provider != "" {
		files = append(files, Var{Name: "provider", Value: secrets.New(svc.Provider)})
	}
	for _, name := range []string{"type", "provider"} {
		if s.index(name) >= 0 {
			return nil, &VarError{Name: name, Err: ErrReserved}
		}
	}
	return append(files, s.Credentials()...), nil
}

// ErrForeign means that something stands in the way that [WriteServiceBinding]
// did not write. It is left as it is.
var ErrForeign = errors.New("svp did not write it and leaves it alone; name another folder, or move it away")

const (
	privateDir  = 0o700
	privateFile = 0o600
)

// WriteServiceBinding writes the entries of [ServiceBindingFiles] as files of
// dir, readable by nobody else. The folder is made if need be; an existing one
// has to be empty or from an earlier call, whose files are then replaced one by
// one, each atomically, and removed where their entry is gone. A file that has
// another origin, or was changed since, is never touched: the error is
// [ErrForeign] then, and no file is written.
//
// A hidden file, .servicepack, remembers which files are from here.
func WriteServiceBinding(dir string, s Set, svc Service) error {
	files, err := ServiceBindingFiles(s, svc)
	if err != nil {
		return fmt.Errorf("write service binding %s: %w", dir, err)
	}
	if err := os.MkdirAll(dir, privateDir); err != nil {
		return fmt.Errorf("write service binding: %w", err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return fmt.Errorf("write service binding: %w", err)
	}
	err = writeBinding(root, files)
	if err := errors.Join(err, root.Close()); err != nil {
		return fmt.Errorf("write service binding %s: %w", dir, err)
	}
	return nil
}

func writeBinding(root *os.Root, files Set) error {
	old, err := claim(root)
	if err != nil {
		return err
	}
	if err := checkForeign(root, files, old); err != nil {
		return err
	}
	fresh := newManifest(files)
	// Until all files are written, both generations are from here: a call that
	// is killed in between leaves nothing that the next one takes for foreign.
	if err := writeFile(root, manifestName, append(slices.Clone(old), fresh...).encode()); err != nil {
		return err
	}
	for _, file := range files {
		if err := writeFile(root, file.Name, []byte(file.Value.Reveal())); err != nil {
			return err
		}
	}
	if err := removeStale(root, files, old); err != nil {
		return err
	}
	return writeFile(root, manifestName, fresh.encode())
}

// claim makes sure that the folder is for service bindings alone, and private,
// and returns what an earlier call wrote into it.
func claim(root *os.Root) (manifest, error) {
	old, err := readManifest(root)
	if errors.Is(err, os.ErrNotExist) {
		err = checkEmpty(root)
	}
	if err != nil {
		return nil, err
	}
	return old, root.Chmod(".", privateDir)
}

func checkEmpty(root *os.Root) error {
	dir, err := root.Open(".")
	if err != nil {
		return err
	}
	entries, err := dir.ReadDir(-1)
	if err := errors.Join(err, dir.Close()); err != nil {
		return err
	}
	for _, entry := range entries {
		if entry.Name() != temporaryName {
			return fmt.Errorf("%s: %w", entry.Name(), ErrForeign)
		}
	}
	return nil
}

// checkForeign finds what is not from here among the names to be written.
func checkForeign(root *os.Root, files Set, old manifest) error {
	for _, file := range files {
		origin, err := old.origin(root, file.Name)
		if err != nil {
			return err
		}
		if origin == foreign {
			return fmt.Errorf("%s: %w", file.Name, ErrForeign)
		}
	}
	return nil
}

// removeStale removes the files of an earlier call that have no entry any more.
func removeStale(root *os.Root, files Set, old manifest) error {
	for _, name := range old.names() {
		if files.index(name) >= 0 {
			continue
		}
		origin, err := old.origin(root, name)
		if err != nil {
			return err
		}
		if origin != own {
			continue
		}
		if err := root.Remove(name); err != nil {
			return err
		}
	}
	return nil
}

// temporaryName is the file that is renamed to a complete one. It is left over
// only by a call that was killed.
const temporaryName = ".servicepack.tmp"

// writeFile writes a file that is never seen half-written.
func writeFile(root *os.Root, name string, content []byte) error {
	if err := root.Remove(temporaryName); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	file, err := root.OpenFile(temporaryName, os.O_CREATE|os.O_EXCL|os.O_WRONLY, privateFile)
	if err != nil {
		return err
	}
	_, err = file.Write(content)
	if err := errors.Join(err, file.Sync(), file.Close()); err != nil {
		return err
	}
	return root.Rename(temporaryName, name)
}
