package copkg

import (
	"embed"
	"io/fs"
	"path"
	"slices"

	"github.com/servicepack/svp/engine/archive"
	"github.com/servicepack/svp/engine/pack"
)

// The scripts that a package is started and stopped by (copkg, "Structure of a
// copkg package"), and what both of them share.
const (
	startScript  = pack.ScriptFolder + "/start.sh"
	stopScript   = pack.ScriptFolder + "/stop.sh"
	sharedScript = pack.ScriptFolder + "/runtime.sh"
)

//go:embed scripts
var scripts embed.FS

// scriptEntries are the scripts as they go into a package.
func scriptEntries(names []string) ([]archive.Entry, error) {
	var entries []archive.Entry
	for _, name := range names {
		content, err := scripts.ReadFile("scripts/" + path.Base(name))
		if err != nil {
			return nil, err
		}
		mode := fs.FileMode(0o755)
		if name == sharedScript {
			mode = 0o644 // it is not run by itself
		}
		entries = append(entries, archive.Entry{Path: name, Mode: mode, Content: content})
	}
	return entries, nil
}

// missingScripts are the scripts that packaging has to add. A pack that starts
// itself has to stop itself, too.
func (p *Package) missingScripts() ([]string, error) {
	own := map[string]pack.File{}
	for _, file := range p.dir.Files() {
		own[file.Path] = file
	}
	start, starts := own[startScript]
	stop, stops := own[stopScript]
	fault := func(file, reason, hint string) error {
		return p.dir.Fault(&pack.Error{File: file, Reason: reason, Hint: hint})
	}
	const both = "write both start.sh and stop.sh, or none, and packaging adds those that use svp"
	switch {
	case starts && !stops:
		return nil, fault(stopScript, "missing; the pack has a start.sh of its own", both)
	case stops && !starts:
		return nil, fault(startScript, "missing; the pack has a stop.sh of its own", both)
	case starts:
		for _, script := range []pack.File{start, stop} {
			if script.Mode&0o111 == 0 {
				return nil, fault(script.Path, "not executable", "chmod +x "+script.Path)
			}
		}
		return nil, nil
	}
	names := []string{startScript, stopScript, sharedScript}
	for _, name := range names {
		if _, taken := own[name]; taken {
			return nil, fault(name, "the name of a file that packaging adds", "give yours another name")
		}
	}
	slices.Sort(names)
	return names, nil
}
