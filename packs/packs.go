// Package packs carries the reference packs inside the binary, so that they can
// be named from any folder.
package packs

import "embed"

// FS holds the reference packs, a folder each. An embedded file has no mode;
// what is in bin/ or begins with "#!" is meant to be executable.
//
//go:embed all:*
var FS embed.FS
