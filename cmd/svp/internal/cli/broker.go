package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	urfave "github.com/urfave/cli/v2"

	"github.com/servicepack/svp/engine"
	"github.com/servicepack/svp/engine/broker"
	"github.com/servicepack/svp/engine/registry"
)

// The variables with the credentials of the broker. There is no flag for them:
// everybody can read an argument.
const (
	brokerUsername = "SVP_BROKER_USERNAME"
	brokerPassword = "SVP_BROKER_PASSWORD" //nolint:gosec // a name, and no password
)

// logFormats are how a broker can write its log; the first unless it is told.
var logFormats = []string{"text", "json"}

// brokerOptions are the flags of svp broker.
type brokerOptions struct {
	packs             packsOption
	listen            string
	store             string
	keyFile           string
	credentialsFile   string
	tlsCertificate    string
	tlsKey            string
	view              string
	logFormat         string
	warm              int
	quotas            broker.Quotas
	grace             time.Duration
	dashboard         dashboardOptions
	credentials       *broker.Credentials
	openedCertificate *broker.Certificate
}

func newBrokerCommand(w *wiring) *command {
	o := &brokerOptions{}
	return &command{
		name: "broker", topic: topicHost, summary: "Offer packs to platforms over the Open Service Broker API",
		details: "Serves version 2.17 of the API, and clients down to 2.4. Who may use it is told by\n" +
			"$" + brokerUsername + " and $" + brokerPassword + ", or by a file with USERNAME:PASSWORD a line.\n" +
			"Packs are queried in isolation. A change in a folder reads them anew; SIGHUP does, too,\n" +
			"and the credentials and the certificate with them. SIGTERM lets operations end; what\n" +
			"takes longer than --grace is carried on by the next start, as after a crash.\n" +
			"The state is kept in a SQLite file, or in PostgreSQL, where several brokers share it;\n" +
			"credentials in it are encrypted with the key file. Beside the API there are /healthz,\n" +
			"/readyz, /metrics and, with --public-url, /dashboard/.",
		example: "svp broker --packs packs\n" +
			"svp broker --packs packs,/srv/packs --listen 0.0.0.0:8443 --tls-cert broker.crt --tls-key broker.key\n" +
			"svp broker --packs packs --store postgres://broker@db/broker --key-file broker.key --warm 2",
		flags: append(append(brokerFlags(o), dashboardFlags(&o.dashboard)...), w.timeoutFlag()),
		children: []*command{
			newBrokerCheckCommand(w),
		},
		run: func(ctx context.Context, inv *invocation) error {
			if err := o.check(inv, w.getenv); err != nil {
				return err
			}
			return runBroker(ctx, w, o)
		},
	}
}

func brokerFlags(o *brokerOptions) []urfave.Flag {
	return []urfave.Flag{
		o.packs.flag(),
		&urfave.StringFlag{Name: "listen", Destination: &o.listen, Value: "127.0.0.1:8080", Usage: "listen on `ADDRESS`; port 0 lets the system choose"},
		&urfave.StringFlag{Name: "store", Destination: &o.store, Usage: "keep the state in `FILE`, or in PostgreSQL: postgres://…"},
		&urfave.StringFlag{Name: "key-file", Destination: &o.keyFile, Usage: "encrypt credentials with the key in `FILE`; made where it is absent beside a store that is a file"},
		&urfave.StringFlag{Name: "credentials-file", Destination: &o.credentialsFile, Usage: "let in who is in `FILE`: USERNAME:PASSWORD a line"},
		&urfave.StringFlag{Name: "tls-cert", Destination: &o.tlsCertificate, Usage: "serve HTTPS with the certificate in `FILE`"},
		&urfave.StringFlag{Name: "tls-key", Destination: &o.tlsKey, Usage: "the certificate's key is in `FILE`"},
		&urfave.StringFlag{Name: "view", Destination: &o.view, Value: string(engine.ViewHost), Usage: "hand out addresses as seen from `WHERE`: host or network"},
		&urfave.IntFlag{Name: "warm", Destination: &o.warm, Usage: "keep `N` instances of each plan ready"},
		&urfave.IntFlag{Name: "max-instances", Destination: &o.quotas.Instances, Usage: "have at most `N` instances; 0: any number"},
		&urfave.IntFlag{Name: "max-per-plan", Destination: &o.quotas.PerPlan, Usage: "have at most `N` instances of a plan"},
		&urfave.IntFlag{Name: "max-per-organization", Destination: &o.quotas.PerOrganization, Usage: "have at most `N` instances of an organization"},
		&urfave.DurationFlag{Name: "grace", Destination: &o.grace, Value: time.Minute, Usage: "let operations end within `TIME` at shutdown"},
		&urfave.StringFlag{Name: "log-format", Destination: &o.logFormat, Value: logFormats[0], Usage: "log to stderr as `FORMAT`: text or json"},
	}
}

// packsOption is the flag --packs.
type packsOption struct{ lists urfave.StringSlice }

func (p *packsOption) flag() urfave.Flag {
	return &urfave.StringSliceFlag{
		Name: "packs", Destination: &p.lists, KeepSpace: true,
		Usage: "offer the packs `PACK[,PACK…]`: folders of packs, or packs as svp up takes them; repeatable",
	}
}

// all are the packs of all the flags.
func (p *packsOption) all() []string { return splitWords(p.lists.Value()) }

// check finds references that are none, so that they are in no log: a password may
// stand in one.
func (p *packsOption) check(inv *invocation) error {
	if err := inv.need(required{"--packs", strings.Join(p.all(), ",")}); err != nil {
		return err
	}
	for _, text := range p.all() {
		if !registry.IsReference(text) {
			continue
		}
		if _, err := registry.ParseReference(text); err != nil {
			return inv.usageError("--packs: "+err.Error(), "")
		}
	}
	return nil
}

// check finds what is wrong with the flags before anything is done.
func (o *brokerOptions) check(inv *invocation, getenv func(string) string) error {
	if err := o.packs.check(inv); err != nil {
		return err
	}
	if err := checkView(inv, o.view); err != nil {
		return err
	}
	if err := checkListen(inv, o.listen); err != nil {
		return err
	}
	switch {
	case !slices.Contains(logFormats, o.logFormat):
		return inv.usageError(fmt.Sprintf("--log-format: unknown format %q", o.logFormat), "the formats are text and json")
	case (o.tlsCertificate == "") != (o.tlsKey == ""):
		return inv.usageError("--tls-cert and --tls-key go together", "")
	case o.warm < 0, o.quotas.Instances < 0, o.quotas.PerPlan < 0, o.quotas.PerOrganization < 0:
		return inv.usageError("a number of instances is not negative", "")
	case o.grace < 0:
		return inv.usageError("--grace is not negative", "0s interrupts operations at once")
	case isPostgres(o.store) && o.keyFile == "":
		return inv.usageError("--key-file is missing: brokers that share a store need the same key", makeKey)
	}
	if err := o.dashboard.check(inv, getenv); err != nil {
		return err
	}
	if err := o.readCredentials(inv, getenv); err != nil {
		return err
	}
	return o.readCertificate(inv)
}

// readCredentials reads who may use the broker.
func (o *brokerOptions) readCredentials(inv *invocation, getenv func(string) string) error {
	if o.credentialsFile == "" && (getenv(brokerUsername) == "" || getenv(brokerPassword) == "") {
		return inv.usageError("nobody could use the broker", "set "+brokerUsername+" and "+brokerPassword+", or give --credentials-file FILE")
	}
	var err error
	if o.credentialsFile == "" {
		o.credentials, err = broker.NewCredentials(getenv(brokerUsername), getenv(brokerPassword))
	} else {
		err = readPrivateFile(o.credentialsFile, func(file io.Reader) (err error) {
			o.credentials, err = broker.ParseCredentials(file)
			return err
		})
	}
	if err != nil {
		return inv.usageError(err.Error(), "the file has USERNAME:PASSWORD a line, and nobody but you may read it")
	}
	return nil
}

func (o *brokerOptions) readCertificate(inv *invocation) error {
	if o.tlsCertificate == "" {
		return nil
	}
	var err error
	if o.openedCertificate, err = broker.LoadCertificate(o.tlsCertificate, o.tlsKey); err != nil {
		return inv.usageError(err.Error(), "--tls-cert takes the certificate and its chain in PEM, --tls-key its key")
	}
	return nil
}

// readPrivateFile reads a file that nobody else can read.
func readPrivateFile(name string, read func(io.Reader) error) error {
	file, err := os.Open(name)
	if err != nil {
		return err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return err
	}
	if info.Mode().Perm()&0o077 != 0 {
		return fmt.Errorf("%s can be read by others: chmod 600 %s", name, name)
	}
	if err := read(file); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// runBroker serves until the context ends.
func runBroker(ctx context.Context, w *wiring, o *brokerOptions) error {
	// It stays, with thousands of instances on record, and is to stay small.
	w.collectGarbage(100)
	log := newLog(w.streams.Err, o.logFormat)
	// First, since an address that is taken is the most likely mistake.
	listener, err := o.listenOn(ctx)
	if err != nil {
		return err
	}
	defer listener.Close()
	if showsPassword(o.store) {
		log.WarnContext(ctx, "everybody on this machine can read the password in --store: leave it to a file that PGPASSFILE names")
	}
	opened, key, err := openStore(ctx, w, o)
	if err != nil {
		return err
	}
	defer closing(log, "store", opened.Close)
	relay := &eventRelay{log: log}
	used, timeout, err := w.brokerEngine(relay.event)
	if err != nil {
		return err
	}
	defer closing(log, "engine", used.Close)
	config := broker.Config{
		Engine: used, Store: opened, Packs: o.packs.all(), Credentials: o.credentials,
		View: engine.View(o.view), Warm: o.warm, Quotas: o.quotas, Timeout: timeout, Log: log, Now: w.now,
	}
	page := &lateDashboard{}
	if o.dashboard.wanted() {
		config.DashboardURL, config.DashboardClient = page.link, o.dashboard.client()
	}
	served, err := broker.New(ctx, config)
	if err != nil {
		return brokerPacksProblem(err)
	}
	relay.to(served.Event)
	handler := served.Handler()
	if o.dashboard.wanted() {
		if handler, err = page.mount(ctx, o, served, used, key, log); err != nil {
			return err
		}
	}
	log.InfoContext(ctx, "the broker listens", "addr", listener.Addr().String())
	return serveBroker(ctx, o, served, func(ctx context.Context) error {
		return broker.Serve(ctx, listener, handler, log, drainTimeout)
	}, log)
}

// drainTimeout is how long requests may take whose operations have ended.
const drainTimeout = 5 * time.Second

// serveBroker runs the broker and its server; when one ends so does the other. The
// server goes on until the broker has let its operations end: platforms ask for
// them.
func serveBroker(ctx context.Context, o *brokerOptions, served *broker.Broker, serve func(context.Context) error, log *slog.Logger) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	hangups, noMore := onHangup()
	defer noMore()
	var group sync.WaitGroup
	var runErr, serveErr error
	serving, stopServing := context.WithCancel(context.WithoutCancel(ctx))
	group.Go(func() {
		defer stop()
		defer stopServing()
		runErr = served.Run(ctx, o.grace)
	})
	group.Go(func() {
		defer stop()
		serveErr = serve(serving)
	})
	for running := true; running; {
		select {
		case <-hangups:
			o.reload(ctx, served, log)
		case <-ctx.Done():
			running = false
		}
	}
	group.Wait()
	return errors.Join(runErr, serveErr)
}

// onHangup yields SIGHUP, which ends every other command.
func onHangup() (hangups <-chan os.Signal, stop func()) {
	signal.Reset(syscall.SIGHUP)
	channel := make(chan os.Signal, 1)
	signal.Notify(channel, syscall.SIGHUP)
	return channel, func() { signal.Stop(channel) }
}

// reload reads anew what can be changed while the broker runs. What is wrong is
// logged, and the old goes on.
func (o *brokerOptions) reload(ctx context.Context, served *broker.Broker, log *slog.Logger) {
	var err error
	if o.credentialsFile != "" {
		err = readPrivateFile(o.credentialsFile, o.credentials.Replace)
	}
	if o.openedCertificate != nil {
		err = errors.Join(err, o.openedCertificate.Reload())
	}
	// It takes a while, in which who is no longer let in would be.
	err = errors.Join(err, served.Reload(ctx))
	if err != nil {
		log.ErrorContext(ctx, "could not reload everything; of what failed the former stays", "error", err)
	}
}

func newLog(out io.Writer, format string) *slog.Logger {
	if format == logFormats[1] {
		return slog.New(slog.NewJSONHandler(out, nil))
	}
	return slog.New(slog.NewTextHandler(out, nil))
}

func closing(log *slog.Logger, what string, closer func() error) {
	if err := closer(); err != nil {
		log.Error("could not close the "+what, "error", err)
	}
}

// brokerEngine is an engine that queries packs in isolation: those of a broker
// need not be the operator's own.
func (w *wiring) brokerEngine(events func(engine.Event)) (*engine.Engine, time.Duration, error) {
	chosen, err := w.settings()
	if err != nil {
		return nil, 0, err
	}
	config, err := w.engineConfig(chosen, events)
	if err != nil {
		return nil, 0, err
	}
	config.IsolateQueries = true
	made, err := engine.New(config)
	return made, chosen.Timeout, err
}

// eventRelay logs what the engine warns of, and passes all events on to the
// broker, which is made after the engine.
type eventRelay struct {
	log  *slog.Logger
	next atomic.Pointer[func(engine.Event)]
}

func (r *eventRelay) to(next func(engine.Event)) { r.next.Store(&next) }

func (r *eventRelay) event(event engine.Event) {
	switch event.Kind {
	case engine.Warning:
		r.log.Warn(event.Text, "subject", event.Subject)
	case engine.PhaseFailed:
		r.log.Warn("a phase failed", "phase", event.Phase, "subject", event.Subject, "log", event.LogFile)
	case engine.PhaseStarted, engine.PhaseDone, engine.PhaseOutput, engine.Note:
	}
	if next := r.next.Load(); next != nil {
		(*next)(event)
	}
}
