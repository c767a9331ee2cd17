package cli

import (
	"context"
	"log/slog"
	"net/http"
	"net/url"
	"strings"

	urfave "github.com/urfave/cli/v2"

	"github.com/servicepack/svp/engine"
	"github.com/servicepack/svp/engine/broker"
	"github.com/servicepack/svp/engine/broker/dashboard"
	"github.com/servicepack/svp/engine/broker/store"
)

// brokerOIDCSecret is the variable with the secret of the dashboard's client.
const brokerOIDCSecret = "SVP_BROKER_OIDC_CLIENT_SECRET" //nolint:gosec // a name, and no secret

// dashboardOptions are the flags about the dashboard.
type dashboardOptions struct {
	publicURL    string
	issuer       string
	clientID     string
	clientSecret string
	// Who may look: operators by their address or group, and whoever the
	// platform says may manage an instance.
	emails, groups urfave.StringSlice
	permissionsURL string
	clientService  string // whose catalog entry announces the client

	public *url.URL
}

func dashboardFlags(o *dashboardOptions) []urfave.Flag {
	return []urfave.Flag{
		&urfave.StringFlag{Name: "public-url", Destination: &o.publicURL, Usage: "serve a dashboard, which browsers reach at `URL`"},
		&urfave.StringFlag{Name: "oidc-issuer", Destination: &o.issuer, Usage: "let the dashboard's users sign in at `URL`; the secret is in $" + brokerOIDCSecret},
		&urfave.StringFlag{Name: "oidc-client-id", Destination: &o.clientID, Usage: "the dashboard is known there as `ID`"},
		&urfave.StringSliceFlag{Name: "oidc-email", Destination: &o.emails, Usage: "an operator signs in with the verified address `EMAIL`; may be repeated"},
		&urfave.StringSliceFlag{Name: "oidc-group", Destination: &o.groups, Usage: "members of `GROUP` are operators; may be repeated"},
		&urfave.StringFlag{Name: "oidc-permissions-url", Destination: &o.permissionsURL, Usage: "ask `URL`, with {id} for the instance, who may manage it"},
		&urfave.StringFlag{Name: "dashboard-client", Destination: &o.clientService, Usage: "let the platform make that client: announce it in the catalog, as of `SERVICE`"},
	}
}

func (o *dashboardOptions) wanted() bool { return o.public != nil }

func (o *dashboardOptions) check(inv *invocation, getenv func(string) string) error {
	o.clientSecret = getenv(brokerOIDCSecret)
	if (o.issuer == "") != (o.clientID == "") {
		return inv.usageError("--oidc-issuer and --oidc-client-id go together", "")
	}
	if o.clientService != "" && o.issuer == "" {
		return inv.usageError("--dashboard-client needs --oidc-issuer and --oidc-client-id", "")
	}
	switch {
	case o.issuer == "" && (len(o.emails.Value()) > 0 || len(o.groups.Value()) > 0 || o.permissionsURL != ""):
		return inv.usageError("--oidc-issuer is missing: nobody can sign in without", "")
	case o.issuer != "" && o.publicURL == "":
		return inv.usageError("--oidc-issuer needs --public-url", "users come back there when they have signed in")
	case o.issuer != "" && len(o.emails.Value()) == 0 && len(o.groups.Value()) == 0 && o.permissionsURL == "":
		return inv.usageError("nobody could use the dashboard", "say who may sign in: --oidc-email, --oidc-group or --oidc-permissions-url")
	case o.permissionsURL != "" && !strings.Contains(o.permissionsURL, "{id}"):
		return inv.usageError("--oidc-permissions-url has no {id}, which stands for the instance", "as https://api.example.com/v3/service_instances/{id}/permissions")
	case o.publicURL == "":
		return nil
	}
	public, err := url.Parse(o.publicURL)
	if err != nil || public.Host == "" || public.Scheme != "http" && public.Scheme != "https" {
		return inv.usageError("--public-url is no http or https URL", "as https://broker.example.com")
	}
	o.public = public
	return nil
}

// client is the dashboard's client as the catalog announces it.
func (o *dashboardOptions) client() broker.DashboardClient {
	if o.clientService == "" {
		return broker.DashboardClient{}
	}
	return broker.DashboardClient{
		Service: o.clientService, ID: o.clientID, Secret: o.clientSecret,
		RedirectURI: dashboard.CallbackURL(o.public.JoinPath("dashboard")),
	}
}

// lateDashboard is a dashboard that is made after the broker, which links to it.
type lateDashboard struct{ handler *dashboard.Handler }

func (d *lateDashboard) link(instanceID string) string { return d.handler.Link(instanceID) }

// mount puts the dashboard below /dashboard/ of the broker's handler.
func (d *lateDashboard) mount(ctx context.Context, o *brokerOptions, served *broker.Broker, used *engine.Engine, key store.Key, log *slog.Logger) (http.Handler, error) {
	config := dashboard.Config{
		Source: broker.NewConsole(served, used), PublicURL: o.dashboard.public, Key: key.Derive("dashboard"),
		Operators: o.credentials.Match, Log: log,
	}
	if o.dashboard.issuer != "" {
		config.OIDC = &dashboard.OIDCConfig{
			Issuer: o.dashboard.issuer, ClientID: o.dashboard.clientID, ClientSecret: o.dashboard.clientSecret,
			AllowedEmails: o.dashboard.emails.Value(), AllowedGroups: o.dashboard.groups.Value(),
			PermissionsURL: o.dashboard.permissionsURL,
		}
	}
	var err error
	if d.handler, err = dashboard.New(ctx, config); err != nil {
		return nil, err
	}
	api := served.Handler()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/dashboard" || strings.HasPrefix(r.URL.Path, "/dashboard/") {
			d.handler.ServeHTTP(w, r)
			return
		}
		api.ServeHTTP(w, r)
	}), nil
}
