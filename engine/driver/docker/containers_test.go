package docker_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/servicepack/svp/engine/driver/docker"
)

// What Docker says for a moment of a container whose process has just ended.
func TestAContainerThatHasJustEndedIsKeptRunning(t *testing.T) {
	says := []string{
		"cannot update a stopped container: unknown", "task 0123 not found: not found", "ttrpc: closed: unknown",
	}
	engine := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Api-Version", "1.41")
		w.Header().Set("Content-Type", "application/json")
		switch {
		case !strings.HasSuffix(r.URL.Path, "/containers/svp-shop/update"):
			fmt.Fprint(w, "{}")
		case len(says) > 0:
			w.WriteHeader(http.StatusInternalServerError)
			fmt.Fprintf(w, `{"message": "Cannot update container 0123: %s"}`, says[0])
			says = says[1:]
		default:
			fmt.Fprint(w, `{"Warnings": null}`)
		}
	}))
	defer engine.Close()
	d, err := docker.Connect(t.Context(), docker.Endpoint{Host: "tcp://" + engine.Listener.Addr().String()})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if err := d.KeepRunning(t.Context(), "svp-shop"); err != nil || len(says) > 0 {
		t.Errorf("%v; not said yet: %q", err, says)
	}
}
