package servicearchive

import (
	"strings"

	"github.com/servicepack/svp/engine/archive"
)

// layout compares what an archive holds with what its profile declares; see
// Structure.
type layout struct {
	packages map[string]Package
	declared map[string]bool // "PACKAGE/FILE": whether it was met
	told     map[string]bool // folders that were complained about
	found    *problems
}

// checkLayout finds files that are declared and missing, and what the archive
// holds beyond them.
func (p Profile) checkLayout(entries []archive.Entry, found *problems) {
	l := layout{packages: map[string]Package{}, declared: map[string]bool{}, told: map[string]bool{}, found: found}
	for _, declared := range p.Packages {
		l.packages[declared.Name] = declared
		for _, file := range declared.Files {
			l.declared[declared.Name+"/"+file] = false
		}
	}
	for _, entry := range entries {
		l.meet(entry)
	}
	for _, declared := range p.Packages {
		for _, file := range declared.Files {
			if name := declared.Name + "/" + file; !l.declared[name] {
				found.add(name, "declared by %s, and not in the archive", profileFile)
			}
		}
	}
}

func (l *layout) meet(entry archive.Entry) {
	if entry.Path == profileFile {
		return
	}
	top, file, _ := strings.Cut(entry.Path, "/")
	declared, known := l.packages[top]
	_, isDeclared := l.declared[entry.Path]
	switch {
	case !known && file == "" && !entry.Mode.IsDir():
		l.found.add(entry.Path, "stands beside %s and belongs to no package", profileFile)
	case !known && !l.told[top]:
		l.told[top] = true
		l.found.add(top+"/", "%s declares no package of that name", profileFile)
	case !known:
		return
	case entry.Mode.IsDir() && isDeclared:
		l.declared[entry.Path] = true
		l.found.add(entry.Path, "declared as a file by %s, and a folder in the archive", profileFile)
	case entry.Mode.IsDir():
		return
	case file == "":
		l.found.add(entry.Path, "declared as a package by %s, and no folder in the archive", profileFile)
	case isDeclared:
		l.declared[entry.Path] = true
	case !declared.mayHold[file]:
		l.found.add(entry.Path, "in the archive, and not declared by %s", profileFile)
	}
}
