package cli

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/docker/go-units"
	urfave "github.com/urfave/cli/v2"

	"github.com/servicepack/svp/engine"
	"github.com/servicepack/svp/engine/driver"
)

type inspector interface {
	Info(ctx context.Context, name string) (engine.Instance, error)
}

type usageTeller interface {
	Usage(ctx context.Context, name string) (bytes int64, known bool, err error)
}

type hoster interface {
	Host(ctx context.Context) (driver.Host, error)
}

func newInfoCommand(w *wiring) *command {
	var asJSON bool
	return &command{
		name: "info", topic: topicDaily, summary: "Show all about an instance, or about svp and its host",
		details: "Without NAME: the version, the folders that svp uses, and the Docker host.",
		example: "svp info shop\nsvp info shop --json\nsvp info",
		args:    []string{"[NAME]"},
		flags:   []urfave.Flag{jsonFlag(&asJSON)},
		run: func(ctx context.Context, inv *invocation) error {
			return w.engine(func(s session) error {
				if name := inv.arg(0); name != "" {
					return runInfo(ctx, w.streams.Out, s, s, s, name, asJSON)
				}
				return w.runHostInfo(ctx, s, s.settings, asJSON)
			})
		},
	}
}

// instanceInfo is what `svp info NAME` tells.
type instanceInfo struct {
	engine.Instance
	UsageBytes *int64 `json:"usage_bytes"` // null where it is not known
}

func runInfo(ctx context.Context, out io.Writer, i inspector, u usageTeller, n noter, name string, asJSON bool) error {
	instance, err := i.Info(ctx, name)
	if err != nil {
		return err
	}
	info := instanceInfo{Instance: instance}
	bytes, known, err := u.Usage(ctx, name)
	switch {
	case ctx.Err() != nil:
		return err
	case err != nil:
		// All else is worth telling, above all of an instance that is in trouble.
		n.note("how much is in use is not known: %v", err)
	case known:
		info.UsageBytes = &bytes
	}
	if asJSON {
		return writeJSON(out, info)
	}
	return writeInstance(out, info)
}

func writeInstance(out io.Writer, instance instanceInfo) error {
	table := newTable(out)
	row := func(title, value string) { fmt.Fprintf(table, "%s:\t%s\n", title, orDash(value)) }
	row("name", instance.Name)
	row("id", instance.ID)
	row("state", instance.State)
	row("pack", packAndVersion(instance.Instance))
	row("pack digest", instance.PackDigest)
	row("contract", instance.Contract)
	row("plan", instance.Plan)
	if instance.UsageBytes != nil {
		row("in use", fmt.Sprintf("%s (%d bytes)", units.BytesSize(float64(*instance.UsageBytes)), *instance.UsageBytes))
	}
	row("image", instance.Image)
	row("network", instance.Network)
	row("address", instance.Address)
	row("ports", strings.Join(instance.Ports, ", "))
	row("published", strings.Join(instance.Published, ", "))
	row("created", shownTime(instance.Created))
	for _, component := range instance.Components {
		row(strings.TrimSpace("component "+component.Name), describeComponent(component))
	}
	for _, volume := range instance.Volumes {
		row("volume", volume.Path+" in "+volume.Name)
	}
	return table.Flush()
}

func describeComponent(component engine.Component) string {
	text := component.Container + ", " + component.State
	if component.State == string(driver.Exited) {
		return fmt.Sprintf("%s with status %d", text, component.ExitCode)
	}
	if !component.Started.IsZero() {
		text += " since " + shownTime(component.Started)
	}
	return text
}

func shownTime(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

// hostInfo is what `svp info` tells about svp itself.
type hostInfo struct {
	Version  string    `json:"version"`
	Config   string    `json:"config"`
	PackPath []string  `json:"pack_path"`
	Cache    string    `json:"cache"`
	Logs     string    `json:"logs"`
	Network  string    `json:"network"`
	Host     *dockerOf `json:"host"` // null where none answers
}

// dockerOf is the Docker host as JSON.
type dockerOf struct {
	Name        string `json:"name"`
	Engine      string `json:"engine"`
	Endpoint    string `json:"endpoint"`
	PublishedAt string `json:"published_at"`
	Reachable   bool   `json:"reachable"`
}

// runHostInfo shows the folders even where no host answers.
func (w *wiring) runHostInfo(ctx context.Context, h hoster, chosen settings, asJSON bool) error {
	info, err := w.hostInfo(chosen)
	if err != nil {
		return err
	}
	host, hostErr := h.Host(ctx)
	if hostErr == nil {
		info.Host = &dockerOf{host.Name, host.Engine, host.Endpoint, host.PublishedAt, host.Reachable}
	}
	if asJSON {
		err = writeJSON(w.streams.Out, info)
	} else {
		err = writeHostInfo(w.streams.Out, info)
	}
	if hostErr != nil {
		return hostErr
	}
	return err
}

func (w *wiring) hostInfo(chosen settings) (hostInfo, error) {
	info := hostInfo{Version: w.versionText(), PackPath: chosen.PackPath, Network: chosen.Network}
	if info.Network == "" {
		info.Network = engine.DefaultNetwork
	}
	var err error
	if info.Config, _, err = w.configPath(); err != nil {
		return hostInfo{}, err
	}
	if info.Cache, err = w.cacheDir(); err != nil {
		return hostInfo{}, err
	}
	info.Logs, err = w.logDir()
	return info, err
}

func writeHostInfo(out io.Writer, info hostInfo) error {
	table := newTable(out)
	row := func(title, value string) { fmt.Fprintf(table, "%s:\t%s\n", title, value) }
	row("version", info.Version)
	row("configuration", info.Config)
	row("packs", strings.Join(info.PackPath, ", "))
	row("cache", info.Cache)
	row("logs", info.Logs)
	row("network", info.Network)
	if info.Host == nil {
		row("host", "none answers")
		return table.Flush()
	}
	row("host", info.Host.Engine+" on "+info.Host.Name+" at "+info.Host.Endpoint)
	if info.Host.Reachable {
		row("instances", "reached at their own addresses")
	} else {
		row("instances", "reached at published ports of "+info.Host.PublishedAt)
	}
	return table.Flush()
}
