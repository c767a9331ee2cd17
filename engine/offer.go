package engine

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/servicepack/svp/engine/plan"
)

// Offer is what a pack offers to a platform.
type Offer struct {
	Pack           PackInfo // as InspectPack gives it
	ID             string   // given by the pack; else empty
	Bindable       bool
	PlanUpdateable bool
	Requires       []string
	Plans          []OfferedPlan
	Catalog        OfferMetadata
	Schemas        OfferSchemas
}

// OfferedPlan is one size in which a service is offered; a limit of 0 means none.
type OfferedPlan struct {
	ID, Name, Description  string // the ID is given by the pack; else empty
	Free                   *bool  // nil when the pack does not say
	MemoryBytes            int64
	CPUs                   float64
	ShmBytes, StorageBytes int64
	Parameters             map[string]string
}

// OfferMetadata is what a marketplace shows about a pack.
type OfferMetadata struct {
	DisplayName, LongDescription, DocumentationURL string
	ProviderDisplayName, SupportURL, ImageURL      string
}

// OfferSchemas are JSON Schemas of the parameters that users may give; nil where
// the pack declares none.
type OfferSchemas struct {
	InstanceCreate, InstanceUpdate, BindingCreate json.RawMessage
}

// Offer asks a pack what it offers to a platform.
func (e *Engine) Offer(ctx context.Context, packName string) (Offer, error) {
	opened, err := e.openPack(ctx, packName)
	if err != nil {
		return Offer{}, fail("inspect pack", packName, err)
	}
	d, err := opened.Describe(ctx)
	if err != nil {
		return Offer{}, fail("inspect pack", packName, err)
	}
	offer := Offer{
		Pack: opened.info(d), ID: d.ID, Bindable: d.Bindable, PlanUpdateable: d.PlanUpdateable, Requires: filled(d.Requires),
		Catalog: OfferMetadata(d.Catalog), Schemas: OfferSchemas(d.Schemas),
	}
	for _, offered := range d.Plans {
		offer.Plans = append(offer.Plans, OfferedPlan{
			ID: offered.ID, Name: offered.Name, Description: offered.Description, Free: offered.Free,
			MemoryBytes: offered.Limits.MemoryBytes, CPUs: offered.Limits.CPUs,
			ShmBytes: cmp.Or(offered.Limits.ShmBytes, d.ShmBytes), StorageBytes: offered.Limits.StorageBytes,
			Parameters: offered.Parameters,
		})
	}
	return offer, nil
}

// OfferedPacks lists the packs that the text stands for: a folder itself where it
// has bin/query, else its sub-folders that have, by path; or the one that the
// Locator knows by this text, which is not looked for yet.
func (e *Engine) OfferedPacks(text string) ([]string, error) {
	if info, err := os.Stat(text); (err != nil || !info.IsDir()) && e.knows(text) {
		return []string{text}, nil
	}
	return packsIn(text)
}

func packsIn(folder string) ([]string, error) {
	entries, err := os.ReadDir(folder) // sorted by name
	if err != nil {
		return nil, fail("list packs", folder, err)
	}
	if there, err := hasQuery(folder); there || err != nil {
		return []string{folder}, fail("list packs", folder, err)
	}
	packs := []string{}
	for _, entry := range entries {
		candidate := filepath.Join(folder, entry.Name())
		there, err := hasQuery(candidate)
		if err != nil {
			return nil, fail("list packs", folder, err)
		}
		if there {
			packs = append(packs, candidate)
		}
	}
	return packs, nil
}

func hasQuery(folder string) (bool, error) {
	_, err := os.Stat(filepath.Join(folder, "bin", "query"))
	switch {
	case err == nil:
		return true, nil
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ENOTDIR):
		return false, nil
	}
	return false, fmt.Errorf("look for bin/query: %w", err)
}

// CheckParameters tells what keeps parameters from reaching a pack's scripts. Its
// error names the parameter, and no value.
func CheckParameters(parameters map[string]string) error {
	if _, err := (plan.Service{}).WithParameters(parameters); err != nil {
		return fail("check parameters", "", usagef("", "%v", err))
	}
	return nil
}
