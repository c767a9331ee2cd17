package engine

import (
	"context"
	"io"
	"time"

	"github.com/servicepack/svp/engine/driver"
	"github.com/servicepack/svp/engine/envvar"
	"github.com/servicepack/svp/engine/secrets"
)

// New makes an engine.
func New(config Config) (*Engine, error) { panic("draft") }

// Close releases the connection to the host.
func (e *Engine) Close() error { panic("draft") }

// SecretOption is a secret that the user gives instead of a generated one.
type SecretOption struct {
	Name  string
	Value secrets.Value
}

// BuildOptions: PACK, REPO[:TAG].
type BuildOptions struct {
	Pack    string // a folder, or a name on the pack path, or of a reference pack
	Tag     string
	NoCache bool
	Timeout time.Duration
}

// BuildResult is the base image.
type BuildResult struct {
	Image  string `json:"image"`
	ID     string `json:"id"`
	Reused bool   `json:"reused"`
}

// Build makes a base image.
func (e *Engine) Build(ctx context.Context, o BuildOptions) (BuildResult, error) { panic("draft") }

// SetupOptions say what to set up.
type SetupOptions struct {
	Pack, Base, Tag string
	Plan            string
	Secrets         []SecretOption
	Timeout         time.Duration
}

// SetupResult is the instance image and its environment, placeholders unfilled.
type SetupResult struct {
	Image, ID string
	Env       envvar.Set
	Service   envvar.Service
}

// Setup makes an instance image.
func (e *Engine) Setup(ctx context.Context, o SetupOptions) (SetupResult, error) { panic("draft") }

// PublishOption publishes a port of an instance on the host.
type PublishOption struct {
	HostPort  int // 0: svp chooses one
	Container driver.Port
}

// ParsePublish reads [HOST:]CONTAINER[/PROTOCOL].
func ParsePublish(s string) (PublishOption, error) { panic("draft") }

// RunOptions say what to run.
type RunOptions struct {
	Image, Name string // an empty name is made from the image's
	Publish     []PublishOption
	Public      bool
	Timeout     time.Duration
}

// UpOptions say what should be up.
type UpOptions struct {
	Pack, Name string // an empty name is the pack's
	Plan       string
	Secrets    []SecretOption
	Publish    []PublishOption
	Public     bool
	Timeout    time.Duration
}

// UpResult is a running instance and its environment as the caller's host sees it.
type UpResult struct {
	Instance Instance
	Env      envvar.Set
	Service  envvar.Service
	Created  bool // false: it was there already
	Changed  bool // false: nothing had to be done at all
}

// Run starts an instance of an image.
func (e *Engine) Run(ctx context.Context, o RunOptions) (UpResult, error) { panic("draft") }

// Up makes sure that an instance runs.
func (e *Engine) Up(ctx context.Context, o UpOptions) (UpResult, error) { panic("draft") }

// Instance is what svp knows of an instance.
type Instance struct {
	Name        string      `json:"name"`
	ID          string      `json:"id"`
	State       string      `json:"state"` // running, starting, stopped, down, failed
	Pack        string      `json:"pack"`
	PackVersion string      `json:"pack_version,omitempty"`
	PackDigest  string      `json:"pack_digest"`
	Contract    string      `json:"contract"`
	Plan        string      `json:"plan"`
	Image       string      `json:"image"`
	Network     string      `json:"network"`
	Address     string      `json:"address"`
	Ports       []string    `json:"ports"`     // "5432/tcp"
	Published   []string    `json:"published"` // "127.0.0.1:15432:5432/tcp"
	Components  []Component `json:"components"`
	Volumes     []Volume    `json:"volumes"`
	Created     time.Time   `json:"created"`
}

// Component is one container of an instance.
type Component struct {
	Name      string    `json:"name"` // empty for the only one
	Container string    `json:"container"`
	State     string    `json:"state"`
	ExitCode  int       `json:"exit_code"`
	Started   time.Time `json:"started"`
}

// Volume is one volume of an instance.
type Volume struct {
	Name string `json:"name"`
	Path string `json:"path"`
}

// Down removes the containers, keeps volumes and credentials.
func (e *Engine) Down(ctx context.Context, name string) error { panic("draft") }

// Destroy removes everything of the instance.
func (e *Engine) Destroy(ctx context.Context, name string) error { panic("draft") }

// List gives all instances, by name.
func (e *Engine) List(ctx context.Context) ([]Instance, error) { panic("draft") }

// Info gives one instance.
func (e *Engine) Info(ctx context.Context, name string) (Instance, error) { panic("draft") }

// View is from where an instance is seen.
type View string

// The views.
const (
	ViewHost    View = "host"
	ViewNetwork View = "network"
)

// Env gives the environment of an instance (also of a stopped one).
func (e *Engine) Env(ctx context.Context, name string, view View) (envvar.Set, envvar.Service, error) {
	panic("draft")
}

// LogsOptions say which logs.
type LogsOptions struct {
	Name, Component string
	Follow          bool
	Tail            int // 0: all
	Since           time.Time
	Timestamps      bool
}

// Logs copies the logs.
func (e *Engine) Logs(ctx context.Context, o LogsOptions, stdout, stderr io.Writer) error {
	panic("draft")
}

// Start starts a stopped (or down) instance and waits until it is ready.
func (e *Engine) Start(ctx context.Context, name string, timeout time.Duration) (UpResult, error) {
	panic("draft")
}

// Stop stops an instance's containers.
func (e *Engine) Stop(ctx context.Context, name string) error { panic("draft") }

// Restart is Stop and Start.
func (e *Engine) Restart(ctx context.Context, name string, timeout time.Duration) (UpResult, error) {
	panic("draft")
}

// PackInfo is what a pack says of itself; JSON for `svp pack inspect --json`.
type PackInfo struct {
	Name        string   `json:"name"`
	Group       string   `json:"group,omitempty"`
	Version     string   `json:"version,omitempty"`
	Description string   `json:"description,omitempty"`
	Tags        []string `json:"tags"`
	Path        string   `json:"path"`
	Origin      string   `json:"origin"` // folder, path, embedded
	Digest      string   `json:"digest"`
	Contract    int      `json:"contract"`
	OS          string   `json:"os"`
	Secrets     []string `json:"secrets"`
	Components  []string `json:"components"`
	Ports       []string `json:"ports"`
	Volumes     []string `json:"volumes"`
	ShmBytes    int64    `json:"shm_bytes"`
	Scripts     []string `json:"scripts"`
	Plans       []string `json:"plans"`
}

// InspectPack asks a pack everything; it needs no container host.
func (e *Engine) InspectPack(ctx context.Context, pack string) (PackInfo, error) { panic("draft") }

// Packs lists the names of packs that can be named without a folder (pack path and embedded).
func (e *Engine) Packs(ctx context.Context) ([]string, error) { panic("draft") }

// Target is an instance by name, or a container by name or id (-c).
type Target struct {
	Name      string
	Component string // empty: the first, or the only one
	Container string
}

// Streams of a script; Terminal makes it interactive.
type Streams struct {
	In       io.Reader
	Out, Err io.Writer
	Terminal *driver.Terminal
}

// Client runs bin/client. A script that fails gives its status and a nil error; an error means that svp failed.
func (e *Engine) Client(ctx context.Context, t Target, args []string, s Streams) (int, error) {
	panic("draft")
}

// Shell runs a shell with the instance's environment (args: a command instead of the shell).
func (e *Engine) Shell(ctx context.Context, t Target, args []string, s Streams) (int, error) {
	panic("draft")
}

// Extra runs bin/extra CMD ARGS.
func (e *Engine) Extra(ctx context.Context, t Target, args []string, s Streams) (int, error) {
	panic("draft")
}

// Backup writes bin/backup's output to s.Out.
func (e *Engine) Backup(ctx context.Context, t Target, s Streams) (int, error) { panic("draft") }

// Restore feeds s.In to bin/restore.
func (e *Engine) Restore(ctx context.Context, t Target, s Streams) (int, error) { panic("draft") }

// OSImage is an operating system that packs can ask for.
type OSImage struct {
	Name      string `json:"name"`      // debian/12
	Reference string `json:"reference"` // debian:12, or what the config maps it to
	Present   bool   `json:"present"`
	ID        string `json:"id,omitempty"`
	Size      int64  `json:"size,omitempty"`
	Bootstrap bool   `json:"bootstrap"` // svp os bootstrap can make it
}

// OSList lists them: known to bootstrap, configured, or used by base images.
func (e *Engine) OSList(ctx context.Context) ([]OSImage, error) { panic("draft") }

// OSPull pulls it.
func (e *Engine) OSPull(ctx context.Context, name string) (OSImage, error) { panic("draft") }

// OSBootstrapOptions: Mirror may be empty.
type OSBootstrapOptions struct {
	Name, Mirror string
	Timeout      time.Duration
}

// OSBootstrap makes it from the distribution's packages.
func (e *Engine) OSBootstrap(ctx context.Context, o OSBootstrapOptions) (OSImage, error) {
	panic("draft")
}

// GCResult says what was removed.
type GCResult struct {
	Containers []string `json:"containers"`
	Volumes    []string `json:"volumes"`
	Images     []string `json:"images"`
	Networks   []string `json:"networks"`
}

// GCOptions: DryRun only tells; Unused also removes base images and caches that no instance needs.
type GCOptions struct {
	DryRun bool
	Unused bool
}

// GC removes what killed commands left behind.
func (e *Engine) GC(ctx context.Context, o GCOptions) (GCResult, error) { panic("draft") }

// HostInfo describes the container host for svp version and svp info.
func (e *Engine) Host(ctx context.Context) (driver.Host, error) { panic("draft") }
