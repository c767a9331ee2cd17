package broker

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"time"

	"github.com/google/uuid"

	"github.com/servicepack/svp/engine/broker/osb"
)

// maxBody is how much of a request is read.
const maxBody = 1 << 20

// Handler serves the API below /v2/, and /healthz, /readyz and /metrics.
func (b *Broker) Handler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// Not a ServeMux, which cleans paths: the ids in them are opaque.
		switch r.URL.Path {
		case "/healthz":
			w.WriteHeader(http.StatusOK)
		case "/readyz":
			b.serveReady(w, r)
		case "/metrics":
			b.serveMetrics(w, r)
		default:
			b.serve(w, r)
		}
	})
}

// readyTimeout is how long the store may take to answer.
const readyTimeout = 5 * time.Second

func (b *Broker) serveReady(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), readyTimeout)
	defer cancel()
	if err := b.Ready(ctx); err != nil {
		b.log.ErrorContext(r.Context(), "not ready", "error", err)
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	w.WriteHeader(http.StatusOK)
}

func (b *Broker) serveMetrics(w http.ResponseWriter, r *http.Request) {
	if !b.config.Credentials.allow(r) {
		b.refuse(w, r, unauthorized(w))
		return
	}
	b.metrics.handler.ServeHTTP(w, r)
}

// unauthorized is the answer to wrong credentials (Platform to Service Broker
// Authentication).
func unauthorized(w http.ResponseWriter) *osb.Error {
	w.Header().Set("WWW-Authenticate", `Basic realm="service broker", charset="UTF-8"`)
	return osb.Unauthorized("the user name or the password is missing or wrong")
}

// serve answers a request of the API.
func (b *Broker) serve(w http.ResponseWriter, r *http.Request) {
	begun := time.Now()
	// Echoed whatever the answer is (Request Identity).
	if identity := r.Header.Get(osb.HeaderRequestIdentity); identity != "" {
		w.Header().Set(osb.HeaderRequestIdentity, identity)
	}
	if !b.config.Credentials.allow(r) {
		b.refuse(w, r, unauthorized(w))
		return
	}
	version, refusal := osb.ParseVersion(r.Header)
	if refusal != nil {
		b.refuse(w, r, refusal)
		return
	}
	path, refusal := osb.ParsePath(r.URL.EscapedPath())
	if refusal != nil {
		b.refuse(w, r, refusal)
		return
	}
	if path.Resource == osb.Catalog && r.Method == http.MethodGet {
		b.serveCatalog(w)
		return
	}
	call := call{broker: b, request: r, path: path, version: version, from: originOf(r)}
	result, err := call.answer(r.Context())
	log := b.log.With("method", r.Method, "path", r.URL.EscapedPath(), "request", call.from.requestID)
	if err != nil {
		refusal := b.asRefusal(r.Context(), log, err)
		if refusal.Status == http.StatusMethodNotAllowed {
			w.Header().Set("Allow", methods[path.Resource])
		}
		log.InfoContext(r.Context(), "refused", "status", refusal.Status, "description", refusal.Description)
		b.refuse(w, r, refusal)
		return
	}
	if result.polls {
		w.Header().Set("Retry-After", strconv.Itoa(int(result.retryAfter.Seconds())))
	}
	if err := osb.WriteJSON(w, result.status, result.body); err != nil {
		log.WarnContext(r.Context(), "the client did not get its answer", "error", err)
	}
	log.InfoContext(r.Context(), "served", "status", result.status, "took", time.Since(begun))
}

// serveCatalog answers from memory; platforms ask often.
func (b *Broker) serveCatalog(w http.ResponseWriter) {
	document := b.catalog.Load().document
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(document)))
	_, _ = w.Write(document) // a client that has gone away misses nothing
}

// refuse answers with an error.
func (b *Broker) refuse(w http.ResponseWriter, r *http.Request, refusal *osb.Error) {
	b.metrics.refused(refusal.Status)
	if err := osb.WriteJSON(w, refusal.Status, refusal); err != nil {
		b.log.WarnContext(r.Context(), "the client did not get its answer", "error", err)
	}
}

// asRefusal is what the client is told of an error. What is the broker's own
// affair is logged, and told in general words.
func (b *Broker) asRefusal(ctx context.Context, log *slog.Logger, err error) *osb.Error {
	var refusal *osb.Error
	if errors.As(err, &refusal) {
		return refusal
	}
	if ctx.Err() != nil {
		return osb.Errorf(http.StatusServiceUnavailable, "the client did not wait for the end of the operation")
	}
	log.ErrorContext(ctx, "request failed", "error", err)
	return osb.Errorf(http.StatusInternalServerError, "the broker failed; its log says why")
}

// maxRequestID is how much of a request's identity is logged and kept: several
// times what a UUID takes.
const maxRequestID = 256

// originOf is who asks. A platform that gives a request no identity gets one for
// the log.
func originOf(r *http.Request) origin {
	identity := r.Header.Get(osb.HeaderRequestIdentity)
	from := origin{requestID: identity[:min(len(identity), maxRequestID)]}
	if from.requestID == "" {
		from.requestID = uuid.NewString()
	}
	if asker := osb.OriginatingIdentity(r.Header); asker.User != "" {
		from.user = asker.Platform + ":" + asker.User
	}
	return from
}

// call is a request of the API, taken apart.
type call struct {
	broker  *Broker
	request *http.Request
	path    osb.Path
	version osb.Version
	from    origin
}

func (c *call) answer(ctx context.Context) (answer, error) {
	if c.request.Method != http.MethodGet && c.broker.isClosing() {
		return answer{}, errClosing // who asks how far an operation is gets an answer
	}
	query, refusal := osb.ParseQuery(c.request.URL.RawQuery)
	if refusal != nil {
		return answer{}, refusal
	}
	async, refusal := osb.AcceptsIncomplete(query)
	if refusal != nil {
		return answer{}, refusal
	}
	var result answer
	var err error
	switch c.path.Resource {
	case osb.Instance:
		result, err = c.instance(ctx)
	case osb.Binding:
		result, err = c.binding(ctx)
	case osb.InstanceLastOperation, osb.BindingLastOperation:
		result, err = c.lastOperation(ctx)
	default:
		err = c.otherMethod()
	}
	if err != nil {
		return answer{}, err
	}
	return c.broker.settle(ctx, result, async)
}

// methods are those that a resource knows.
var methods = map[osb.Resource]string{
	osb.Catalog: "GET", osb.Instance: "GET, PUT, PATCH, DELETE", osb.InstanceLastOperation: "GET",
	osb.Binding: "GET, PUT, DELETE", osb.BindingLastOperation: "GET",
}

func (c *call) otherMethod() error {
	return osb.MethodNotAllowed("%s is not possible here", c.request.Method)
}

func (c *call) instance(ctx context.Context) (answer, error) {
	id := c.path.InstanceID
	switch c.request.Method {
	case http.MethodGet:
		return c.broker.fetchInstance(ctx, id)
	case http.MethodPut:
		return decoded(c, osb.DecodeProvision, func(asked *osb.ProvisionRequest) (answer, error) {
			return c.broker.provision(ctx, c.from, id, asked)
		})
	case http.MethodPatch:
		return decoded(c, osb.DecodeUpdate, func(asked *osb.UpdateRequest) (answer, error) {
			return c.broker.update(ctx, c.from, id, asked)
		})
	case http.MethodDelete:
		return c.deletion(func(serviceID, planID string) (answer, error) {
			return c.broker.deprovision(ctx, c.from, id, serviceID, planID)
		})
	}
	return answer{}, c.otherMethod()
}

func (c *call) binding(ctx context.Context) (answer, error) {
	instanceID, id := c.path.InstanceID, c.path.BindingID
	switch c.request.Method {
	case http.MethodGet:
		return c.broker.fetchBinding(ctx, instanceID, id)
	case http.MethodPut:
		return decoded(c, osb.DecodeBind, func(asked *osb.BindRequest) (answer, error) {
			return c.broker.bind(ctx, c.from, instanceID, id, asked)
		})
	case http.MethodDelete:
		return c.deletion(func(serviceID, planID string) (answer, error) {
			return c.broker.unbind(ctx, c.from, instanceID, id, serviceID, planID)
		})
	}
	return answer{}, c.otherMethod()
}

func (c *call) lastOperation(ctx context.Context) (answer, error) {
	if c.request.Method != http.MethodGet {
		return answer{}, c.otherMethod()
	}
	hints, refusal := osb.ParseHints(c.request.URL.Query())
	if refusal != nil {
		return answer{}, refusal
	}
	return c.broker.lastOperation(ctx, c.path.InstanceID, c.path.BindingID, hints.Operation)
}

func (c *call) deletion(do func(serviceID, planID string) (answer, error)) (answer, error) {
	serviceID, planID, refusal := osb.RequireIDs(c.request.URL.Query())
	if refusal != nil {
		return answer{}, refusal
	}
	return do(serviceID, planID)
}

// decoded reads the body and hands what it asks for to do.
func decoded[T any](c *call, decode func([]byte, osb.Version) (*T, *osb.Error), do func(*T) (answer, error)) (answer, error) {
	body, err := io.ReadAll(http.MaxBytesReader(nil, c.request.Body, maxBody))
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		return answer{}, osb.TooLarge("the body is larger than %s", formatBytes(maxBody))
	}
	if err != nil {
		return answer{}, osb.BadRequest("the body could not be read")
	}
	asked, refusal := decode(body, c.version)
	if refusal != nil {
		return answer{}, refusal
	}
	return do(asked)
}
