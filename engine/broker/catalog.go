package broker

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/google/uuid"

	"github.com/servicepack/svp/engine"
	"github.com/servicepack/svp/engine/broker/osb"
	"github.com/servicepack/svp/engine/lazyregexp"
)

// namespace is that of the ids that the catalog makes of names (RFC 9562, section
// 5.5). It never changes, since platforms remember the ids.
var namespace = uuid.MustParse("6f1c1f0a-0d3f-5c0e-9a35-6b2d2a1f7f54")

// catalog is what is offered at one moment.
type catalog struct {
	document []byte // as GET /v2/catalog answers
	client   DashboardClient
	services map[string]*service
	broken   []BrokenPack
}

// service is a pack in the catalog.
type service struct {
	id    string
	pack  string // its folder, or what else the operator named it by
	offer engine.Offer
	plans map[string]*servicePlan
	// order are the plans as the pack lists them.
	order       []*servicePlan
	maintenance *osb.MaintenanceInfo
	schemas     schemas
}

type servicePlan struct {
	id      string
	service *service
	offered engine.OfferedPlan
}

// BrokenPack is a pack that cannot be offered, and why.
type BrokenPack struct {
	Path string
	Err  error
}

// errNoPacks: a folder has nothing to offer. A zip file in it is none of its packs.
var errNoPacks = errors.New("no folder in it is a pack; a package or an archive is named itself")

// OfferedService is a pack as the catalog offers it.
type OfferedService struct {
	ID, Name, Path string
	Plans          []string
}

// Check reads the packs, as a broker would that starts now, and tells what it
// would offer, by name, and what is left out.
func Check(ctx context.Context, e Engine, folders []string) ([]OfferedService, []BrokenPack, error) {
	c, err := readCatalog(ctx, e, folders, DashboardClient{})
	if err != nil {
		return nil, nil, err
	}
	offered := make([]OfferedService, 0, len(c.services))
	for _, s := range c.sorted() {
		shown := OfferedService{ID: s.id, Name: s.offer.Pack.Name, Path: s.pack}
		for _, p := range s.order {
			shown.Plans = append(shown.Plans, p.offered.Name)
		}
		offered = append(offered, shown)
	}
	return offered, c.broken, nil
}

// readCatalog asks every pack in the folders what it offers. A pack that is broken
// or cannot be had is left out; a folder that cannot be read is an error, and so is
// a host that does not answer.
func readCatalog(ctx context.Context, e Engine, folders []string, client DashboardClient) (*catalog, error) {
	c := &catalog{services: map[string]*service{}, client: client}
	names, planIDs := map[string]string{}, map[string]string{}
	for _, folder := range folders {
		packs, err := e.OfferedPacks(folder)
		if err != nil {
			return nil, err
		}
		if len(packs) == 0 {
			c.broken = append(c.broken, BrokenPack{Path: folder, Err: errNoPacks})
		}
		for _, path := range packs {
			if err := c.add(ctx, e, path, names, planIDs); err != nil {
				if ctx.Err() != nil || isNoHost(err) {
					return nil, err
				}
				c.broken = append(c.broken, BrokenPack{Path: path, Err: err})
			}
		}
	}
	return c, c.write()
}

// isNoHost tells an error that is no fault of the pack: there is no host on which
// it could be asked.
func isNoHost(err error) bool {
	var failed *engine.Error
	return errors.As(err, &failed) && failed.Kind == engine.NoHost
}

func (c *catalog) add(ctx context.Context, e Engine, path string, names, planIDs map[string]string) error {
	offer, err := e.Offer(ctx, path)
	if err != nil {
		return err
	}
	s, err := newService(path, offer)
	if err != nil {
		return err
	}
	if other, taken := names[offer.Pack.Name]; taken {
		return fmt.Errorf("%s has the name %s already: no two services may share it", other, offer.Pack.Name)
	}
	if other := c.services[s.id]; other != nil {
		return fmt.Errorf("%s has the id %s already: no two services may share it", other.pack, s.id)
	}
	for id := range s.plans {
		if other, taken := planIDs[id]; taken {
			return fmt.Errorf("%s has a plan of the id %s already: no two plans may share it", other, id)
		}
	}
	names[offer.Pack.Name], c.services[s.id] = path, s
	for id := range s.plans {
		planIDs[id] = path
	}
	return nil
}

// cliFriendly is a name as the specification wants it ("CLI-friendly", Catalog
// Management).
var cliFriendly = lazyregexp.New(`^[A-Za-z0-9._-]+$`)

// semver is a version of Semantic Versioning 2.0, as maintenance_info demands
// (Maintenance Info Object).
var semver = lazyregexp.New(`^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?$`)

func newService(path string, offer engine.Offer) (*service, error) {
	pack := offer.Pack
	if !cliFriendly().MatchString(pack.Name) {
		return nil, fmt.Errorf("a platform takes no service of the name %q: use letters, digits, dots, hyphens and underscores", pack.Name)
	}
	if len(offer.Plans) == 0 {
		return nil, errors.New("the pack has no plan")
	}
	s := &service{pack: path, offer: offer, plans: map[string]*servicePlan{}}
	s.id = cmp.Or(offer.ID, uuid.NewSHA1(namespace, []byte(pack.Group+":"+pack.Name)).String())
	for _, offered := range offer.Plans {
		if !cliFriendly().MatchString(offered.Name) {
			return nil, fmt.Errorf("a platform takes no plan of the name %q: use letters, digits, dots, hyphens and underscores", offered.Name)
		}
		p := &servicePlan{service: s, offered: offered}
		p.id = cmp.Or(offered.ID, uuid.NewSHA1(namespace, []byte(pack.Group+":"+pack.Name+":"+offered.Name)).String())
		if s.plans[p.id] != nil {
			return nil, fmt.Errorf("two plans have the id %s", p.id)
		}
		s.plans[p.id] = p
		s.order = append(s.order, p)
	}
	if semver().MatchString(pack.Version) {
		s.maintenance = &osb.MaintenanceInfo{Version: pack.Version, Description: "Version " + pack.Version + " of the pack."}
	}
	var err error
	s.schemas, err = newSchemas(offer.Schemas)
	return s, err
}

func (c *catalog) sorted() []*service {
	return slices.SortedFunc(maps.Values(c.services), func(a, b *service) int {
		return cmp.Compare(a.offer.Pack.Name, b.offer.Pack.Name)
	})
}

// plan finds a plan, or tells which of the ids is not in the catalog.
func (c *catalog) plan(serviceID, planID string) (*servicePlan, error) {
	s := c.services[serviceID]
	if s == nil {
		return nil, osb.BadRequest("service_id is not in the catalog")
	}
	p := s.plans[planID]
	if p == nil {
		return nil, osb.BadRequest("plan_id is not one of service %s", s.offer.Pack.Name)
	}
	return p, nil
}

// write prepares the answer to GET /v2/catalog, since it is asked for often.
func (c *catalog) write() error {
	document := osb.CatalogResponse{Services: []osb.Service{}}
	for _, s := range c.sorted() {
		shown := s.describe()
		if shown.Name == c.client.Service {
			shown.DashboardClient = &osb.DashboardClient{ID: c.client.ID, Secret: c.client.Secret, RedirectURI: c.client.RedirectURI}
		}
		document.Services = append(document.Services, shown)
	}
	var err error
	c.document, err = json.Marshal(document)
	if err != nil {
		return fmt.Errorf("write the catalog: %w", err)
	}
	return nil
}

func (s *service) describe() osb.Service {
	pack := s.offer.Pack
	shown := osb.Service{
		ID: s.id, Name: pack.Name, Description: cmp.Or(pack.Description, "A "+pack.Name+" of its own."),
		Tags: pack.Tags, Requires: s.offer.Requires, Bindable: s.offer.Bindable,
		InstancesRetrievable: true, BindingsRetrievable: s.offer.Bindable, AllowContextUpdates: true,
		PlanUpdateable: s.offer.PlanUpdateable, Metadata: s.metadata(),
	}
	for _, p := range s.order {
		shown.Plans = append(shown.Plans, p.describe())
	}
	return shown
}

// metadata are the fields of the specification's profile (profile.md, "Service
// Metadata Fields").
func (s *service) metadata() map[string]any {
	catalog := s.offer.Catalog
	return filled(map[string]any{
		"displayName": catalog.DisplayName, "longDescription": catalog.LongDescription,
		"documentationUrl": catalog.DocumentationURL, "providerDisplayName": catalog.ProviderDisplayName,
		"supportUrl": catalog.SupportURL, "imageUrl": catalog.ImageURL,
	})
}

// filled leaves out what is empty.
func filled(fields map[string]any) map[string]any {
	maps.DeleteFunc(fields, func(_ string, value any) bool { return value == "" })
	return fields
}

func (p *servicePlan) describe() osb.Plan {
	s, updateable, bindable := p.service, p.service.offer.PlanUpdateable, p.service.offer.Bindable
	free := p.offered.Free == nil || *p.offered.Free
	return osb.Plan{
		ID: p.id, Name: p.offered.Name,
		Description: cmp.Or(p.offered.Description, "Plan "+p.offered.Name+" of "+s.offer.Pack.Name+"."),
		Free:        &free, Bindable: &bindable, BindingRotatable: bindable, PlanUpdateable: &updateable,
		MaintenanceInfo: s.maintenance, Schemas: s.schemas.describe(),
		Metadata: map[string]any{"displayName": p.offered.Name, "bullets": p.limits()},
	}
}

// limits tells of the plan's limits in words.
func (p *servicePlan) limits() []string {
	limits := []string{}
	for _, limit := range []struct {
		what  string
		bytes int64
	}{{"memory", p.offered.MemoryBytes}, {"storage", p.offered.StorageBytes}} {
		if limit.bytes > 0 {
			limits = append(limits, formatBytes(limit.bytes)+" of "+limit.what)
		}
	}
	if p.offered.CPUs > 0 {
		limits = append(limits, strconv.FormatFloat(p.offered.CPUs, 'g', -1, 64)+" CPUs")
	}
	return limits
}

func formatBytes(bytes int64) string {
	const kib = 1 << 10
	value, units := float64(bytes), []string{"bytes", "KiB", "MiB", "GiB", "TiB"}
	for len(units) > 1 && value >= kib {
		value, units = value/kib, units[1:]
	}
	return strconv.FormatFloat(value, 'f', -1, 64) + " " + units[0]
}
