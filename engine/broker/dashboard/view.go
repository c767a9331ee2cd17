package dashboard

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"net/url"
	"slices"
	"strings"
	"time"
)

// instanceContent is what the page of an instance shows.
type instanceContent struct {
	Path        string // of the page
	Live        liveView
	Credentials credentialsView
	Log         logView
}

// liveView is the part of the page that changes by itself.
type liveView struct {
	Instance         Instance
	Meters           []meter
	Bindings         []Binding
	Operations       []Operation
	BindingsFailed   bool
	OperationsFailed bool
}

// Title is what the instance is called in the page's title.
func (v liveView) Title() string { return cmp.Or(v.Instance.Name, v.Instance.ID) }

// credentialsView is what consumers connect with.
type credentialsView struct {
	Revealed  bool
	Failed    bool
	Variables []variableView
}

type variableView struct {
	Name, Value string
	Masked      bool
}

// logView is the log, or where to find it.
type logView struct {
	Path       string // of the page of the instance
	Component  string // the chosen one
	Components []string
	Follow     bool // the page reloads itself
	Lines      string
	Failed     bool
}

func (h *Handler) instanceContent(ctx context.Context, v visit, revealed bool) (instanceContent, error) {
	live, err := h.live(ctx, v.id)
	if err != nil {
		return instanceContent{}, err
	}
	content := instanceContent{
		Path: h.instancePath(v.id),
		Live: live,
		Log:  newLogView(h.instancePath(v.id), live.Instance, ""),
	}
	variables, err := h.source.Credentials(ctx, v.id)
	content.Credentials = newCredentialsView(variables, revealed)
	content.Credentials.Failed = h.partFailed(ctx, "credentials", v.id, err)
	return content, ctx.Err()
}

// partFailed logs why a part of the page cannot be shown, unless nobody waits for
// it any more.
func (h *Handler) partFailed(ctx context.Context, part, id string, err error) bool {
	if err != nil && ctx.Err() == nil {
		h.log.ErrorContext(ctx, "dashboard: read the "+part, "instance", id, "error", err)
	}
	return err != nil
}

// live reads what changes. Parts that cannot be read are left out, and say so.
func (h *Handler) live(ctx context.Context, id string) (liveView, error) {
	instance, err := h.source.Instance(ctx, id)
	if err != nil {
		return liveView{}, fmt.Errorf("read the instance: %w", err)
	}
	view := liveView{Instance: instance, Meters: meters(instance)}
	view.Bindings, err = h.source.Bindings(ctx, id)
	view.BindingsFailed = h.partFailed(ctx, "bindings", id, err)
	view.Operations, err = h.source.Operations(ctx, id)
	view.OperationsFailed = h.partFailed(ctx, "operations", id, err)
	return view, ctx.Err()
}

func newLogView(path string, instance Instance, chosen string) logView {
	view := logView{Path: path}
	for _, component := range instance.Components {
		view.Components = append(view.Components, component.Name)
	}
	switch {
	case slices.Contains(view.Components, chosen):
		view.Component = chosen
	case len(view.Components) > 0:
		view.Component = view.Components[0]
	}
	return view
}

// newCredentialsView masks secrets, and values that have a secret in them, such
// as a URI.
func newCredentialsView(variables []Variable, revealed bool) credentialsView {
	view := credentialsView{Revealed: revealed}
	var secrets []string
	for _, variable := range variables {
		if variable.Secret && variable.Value != "" {
			secrets = append(secrets, variable.Value, url.QueryEscape(variable.Value), url.PathEscape(variable.Value))
		}
	}
	for _, variable := range variables {
		shown := variableView{Name: variable.Name, Value: variable.Value}
		isSecret := variable.Secret || slices.ContainsFunc(secrets, func(secret string) bool {
			return strings.Contains(variable.Value, secret)
		})
		if isSecret && !revealed {
			shown.Value, shown.Masked = "", true
		}
		view.Variables = append(view.Variables, shown)
	}
	return view
}

// meter is a chart of a use against a limit.
type meter struct {
	Name    string
	Text    string
	Percent int
	Limited bool // there is something to draw
	Level   string
}

const (
	highPercent = 75
	fullPercent = 90
)

func meters(instance Instance) []meter {
	return []meter{
		newMeter("Memory", instance.Memory, formatBytes),
		newMeter("Processors", instance.CPUs, formatCPUs),
		newMeter("Storage", instance.Storage, formatBytes),
	}
}

func newMeter(name string, resource Resource, format func(float64) string) meter {
	m := meter{Name: name}
	switch {
	case resource.Measured && resource.Limit > 0:
		share := resource.Used / resource.Limit
		// A use above the limit is written out, and drawn as full.
		m.Percent = int(math.Round(100 * min(max(share, 0), 1)))
		m.Limited, m.Text = true, fmt.Sprintf("%s of %s", format(resource.Used), format(resource.Limit))
	case resource.Measured:
		m.Text = format(resource.Used) + ", no limit"
	case resource.Limit > 0:
		m.Text = "use unknown, limit " + format(resource.Limit)
	default:
		m.Text = "use unknown, no limit"
	}
	switch {
	case m.Percent >= fullPercent:
		m.Level = "full"
	case m.Percent >= highPercent:
		m.Level = "high"
	default:
		m.Level = "normal"
	}
	return m
}

func formatBytes(bytes float64) string {
	units := []string{"B", "KiB", "MiB", "GiB", "TiB", "PiB"}
	unit := 0
	for bytes >= 1024 && unit < len(units)-1 {
		bytes /= 1024
		unit++
	}
	if unit == 0 || bytes >= 100 || bytes == math.Trunc(bytes) {
		return fmt.Sprintf("%.0f %s", bytes, units[unit])
	}
	return fmt.Sprintf("%.1f %s", bytes, units[unit])
}

func formatCPUs(cpus float64) string {
	return strings.TrimSuffix(strings.TrimRight(fmt.Sprintf("%.2f", cpus), "0"), ".")
}

// tone is how a state or a health is coloured; its word is always there too.
func tone(word string) string {
	switch strings.ToLower(word) {
	case "running", "ready", "succeeded", "healthy":
		return "good"
	case "failed", "not ready", "unhealthy":
		return "bad"
	case "", "stopped", "down", "unknown":
		return "quiet"
	}
	return "busy"
}

func formatTime(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") }

func machineTime(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// took is how long an operation has taken.
func took(o Operation) string {
	if o.Finished.IsZero() || o.Started.IsZero() {
		return ""
	}
	duration := o.Finished.Sub(o.Started)
	if duration < 10*time.Second {
		return fmt.Sprintf("%.1f s", duration.Seconds())
	}
	return duration.Round(time.Second).String()
}
