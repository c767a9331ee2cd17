package engine

import "context"

// Locator finds packs that are no folders: packages, archives, references to a
// registry. It is safe for concurrent use.
type Locator interface {
	// Knows tells that the text is of a kind that Locate takes, whether or not
	// there is such a pack.
	Knows(text string) bool
	// Locate makes the pack a folder, and fetches it where it is not here yet,
	// unless offline.
	// The origin is a word or two for PackInfo.Origin. An error that is an *Error
	// is shown as it is.
	Locate(ctx context.Context, text string, offline bool) (folder, origin string, err error)
	// Fetched tells that a folder is a pack that came as a package once, so that
	// nobody need have looked at it.
	Fetched(folder string) bool
}

// FoundPack is where a pack is on this machine.
type FoundPack struct {
	Folder  string
	Origin  string // as PackInfo.Origin
	Fetched bool   // it came as a package: its queries are isolated
}

// FindPack finds the pack that the user means, as every use case does, and fetches
// it where it is not here yet.
func (e *Engine) FindPack(ctx context.Context, name string) (FoundPack, error) {
	found, err := e.findPack(ctx, name, false)
	return found, fail("find pack", name, err)
}

func (e *Engine) knows(text string) bool {
	return e.config.Locator != nil && e.config.Locator.Knows(text)
}

func (e *Engine) fetched(folder string) bool {
	return e.config.Locator != nil && e.config.Locator.Fetched(folder)
}
