package cli

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"log/slog"
	"net"
	"slices"
	"time"

	urfave "github.com/urfave/cli/v2"

	"github.com/servicepack/svp/engine"
	"github.com/servicepack/svp/engine/broker"
	"github.com/servicepack/svp/engine/repository"
)

// repositoryGrace is how long downloads may take that have begun when the server
// is told to end.
const repositoryGrace = time.Minute

// repoServeOptions are the flags of svp repo serve.
type repoServeOptions struct {
	listen, credentialsFile, tlsCertificate, tlsKey, logFormat string

	credentials *broker.Credentials
	certificate *broker.Certificate
}

func newRepoServeCommand(w *wiring) *command {
	o := &repoServeOptions{}
	return &command{
		name: "serve", summary: "Serve a repository over HTTP",
		details: "Serves the index, the packages, their checksums and signatures in the folder DIR, and\n" +
			"nothing else that lies there. Any web server can do that instead. Without a file of\n" +
			"credentials everybody may read. Each request is a line of the log on stderr. SIGHUP reads\n" +
			"the credentials and the certificate anew; SIGTERM lets downloads end.",
		example: "svp repo serve /srv/packages\n" +
			"svp repo serve /srv/packages --listen :8443 --tls-cert repo.crt --tls-key repo.key --credentials-file users",
		args: []string{"DIR"},
		flags: []urfave.Flag{
			&urfave.StringFlag{Name: "listen", Destination: &o.listen, Value: "127.0.0.1:8081", Usage: "listen on `ADDRESS`; port 0 lets the system choose"},
			&urfave.StringFlag{Name: "credentials-file", Destination: &o.credentialsFile, Usage: "let in who is in `FILE`: USERNAME:PASSWORD a line"},
			&urfave.StringFlag{Name: "tls-cert", Destination: &o.tlsCertificate, Usage: "serve HTTPS with the certificate in `FILE`"},
			&urfave.StringFlag{Name: "tls-key", Destination: &o.tlsKey, Usage: "the certificate's key is in `FILE`"},
			&urfave.StringFlag{Name: "log-format", Destination: &o.logFormat, Value: logFormats[0], Usage: "log to stderr as `FORMAT`: text or json"},
		},
		run: func(ctx context.Context, inv *invocation) error {
			if err := o.check(inv); err != nil {
				return err
			}
			return packageProblem("repo serve", inv.arg(0), o.serve(ctx, w.streams.Err, inv.arg(0)))
		},
	}
}

// check finds what is wrong with the flags before anything is done.
func (o *repoServeOptions) check(inv *invocation) error {
	if err := checkListen(inv, o.listen); err != nil {
		return err
	}
	switch {
	case !slices.Contains(logFormats, o.logFormat):
		return inv.usageError(fmt.Sprintf("--log-format: unknown format %q", o.logFormat), "the formats are text and json")
	case (o.tlsCertificate == "") != (o.tlsKey == ""):
		return inv.usageError("--tls-cert and --tls-key go together", "")
	}
	var err error
	if o.tlsCertificate != "" {
		if o.certificate, err = broker.LoadCertificate(o.tlsCertificate, o.tlsKey); err != nil {
			return inv.usageError(err.Error(), "--tls-cert takes the certificate and its chain in PEM, --tls-key its key")
		}
	}
	if o.credentialsFile == "" {
		return nil
	}
	err = readPrivateFile(o.credentialsFile, func(file io.Reader) (err error) {
		o.credentials, err = broker.ParseCredentials(file)
		return err
	})
	if err != nil {
		return inv.usageError(err.Error(), "the file has USERNAME:PASSWORD a line, and nobody but you may read it")
	}
	return nil
}

// serve answers requests until the context ends.
func (o *repoServeOptions) serve(ctx context.Context, errOut io.Writer, folder string) error {
	log := newLog(errOut, o.logFormat)
	options := repository.HandlerOptions{Log: log}
	if o.credentials != nil {
		options.Allow = o.credentials.Match
	}
	handler, err := repository.NewHandler(folder, options)
	if err != nil {
		return err
	}
	defer closing(log, "folder", handler.Close)
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", o.listen)
	if err != nil {
		return listenProblem("repo serve", err)
	}
	defer listener.Close()
	if o.certificate != nil {
		listener = tls.NewListener(listener, o.certificate.Config())
	} else if o.credentials != nil && !isLoopback(listener.Addr()) {
		log.WarnContext(ctx, "passwords travel in the clear: give --tls-cert and --tls-key, or put a server with TLS before this one")
	}
	log.InfoContext(ctx, "the repository is served", "addr", listener.Addr().String(), "folder", folder)
	reloading, stop := context.WithCancel(ctx)
	defer stop()
	go o.reloadOnHangup(reloading, log)
	return handler.Serve(ctx, listener, repositoryGrace)
}

func isLoopback(address net.Addr) bool {
	tcp, ok := address.(*net.TCPAddr)
	return ok && tcp.IP.IsLoopback()
}

// reloadOnHangup reads files anew that may have changed. What is wrong is logged,
// and the old goes on.
func (o *repoServeOptions) reloadOnHangup(ctx context.Context, log *slog.Logger) {
	hangups, noMore := onHangup()
	defer noMore()
	for {
		select {
		case <-ctx.Done():
			return
		case <-hangups:
		}
		var err error
		if o.credentials != nil {
			err = readPrivateFile(o.credentialsFile, o.credentials.Replace)
		}
		if o.certificate != nil && err == nil {
			err = o.certificate.Reload()
		}
		if err != nil {
			log.ErrorContext(ctx, "could not reload; what was there before stays", "error", err)
		}
	}
}

// listenProblem says what to do about an address that cannot be had.
func listenProblem(op string, err error) error {
	told := &engine.Error{Op: op, Kind: engine.Failed, Err: err, Hint: "choose an address of this machine with --listen"}
	explain(told, []problem{addressTaken})
	return told
}
