package osb

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestParsePath(t *testing.T) {
	t.Parallel()
	const instances = "/v2/service_instances/"
	long := strings.Repeat("x", MaxIDBytes)
	for path, want := range map[string]Path{
		"/v2/catalog":                      {Resource: Catalog},
		instances + "a":                    {Resource: Instance, InstanceID: "a"},
		instances + "a/last_operation":     {Resource: InstanceLastOperation, InstanceID: "a"},
		instances + "a/service_bindings/b": {Resource: Binding, InstanceID: "a", BindingID: "b"},
		instances + "a/service_bindings/b/last_operation": {
			Resource: BindingLastOperation, InstanceID: "a", BindingID: "b",
		},
		instances + "last_operation/last_operation": {Resource: InstanceLastOperation, InstanceID: "last_operation"},
		instances + "..%2F":                         {Resource: Instance, InstanceID: "../"},
		instances + "..":                            {Resource: Instance, InstanceID: ".."},
		instances + "%2e%2E":                        {Resource: Instance, InstanceID: ".."},
		instances + "a%252Fb":                       {Resource: Instance, InstanceID: "a%2Fb"},
		instances + "a%20b+c":                       {Resource: Instance, InstanceID: "a b+c"},
		instances + "%20":                           {Resource: Instance, InstanceID: " "},
		instances + "ABC":                           {Resource: Instance, InstanceID: "ABC"},
		instances + "%E2%82%AC":                     {Resource: Instance, InstanceID: "€"},
		instances + "a%3Fb%23":                      {Resource: Instance, InstanceID: "a?b#"},
		instances + "a%0Ab":                         {Resource: Instance, InstanceID: "a\nb"},
		instances + long:                            {Resource: Instance, InstanceID: long},
		instances + "a%2Flast_operation":            {Resource: Instance, InstanceID: "a/last_operation"},
	} {
		got, refusal := ParsePath(path)
		if refusal != nil || got != want {
			t.Errorf("ParsePath(%q) = %+v, %v, want %+v", path, got, refusal, want)
		}
	}
}

func TestParsePathRefuses(t *testing.T) {
	t.Parallel()
	const instances = "/v2/service_instances/"
	for path, want := range map[string]int{
		"":                                http.StatusNotFound,
		"/":                               http.StatusNotFound,
		"//v2/catalog":                    http.StatusNotFound,
		"/v2//catalog":                    http.StatusNotFound,
		"/v2/catalog/":                    http.StatusNotFound,
		"/V2/catalog":                     http.StatusNotFound,
		"/v2/service_instances":           http.StatusNotFound,
		instances + "a/":                  http.StatusNotFound,
		instances + "a/b":                 http.StatusNotFound,
		instances + "a/service_bindings":  http.StatusNotFound,
		instances + "a/../b":              http.StatusNotFound,
		instances:                         http.StatusBadRequest,
		instances + "/last_operation":     http.StatusBadRequest,
		instances + "/service_bindings/b": http.StatusBadRequest,
		instances + "a/service_bindings/": http.StatusBadRequest,
		instances + "%":                   http.StatusBadRequest,
		instances + "%zz":                 http.StatusBadRequest,
		instances + "%ff":                 http.StatusBadRequest,
		instances + "a%00":                http.StatusBadRequest,
		instances + "%C0%AF":              http.StatusBadRequest, // an overlong slash
		instances + strings.Repeat("x", MaxIDBytes+1):                         http.StatusBadRequest,
		instances + "a/service_bindings/" + strings.Repeat("x", MaxIDBytes+1): http.StatusBadRequest,
	} {
		if _, refusal := ParsePath(path); refusal == nil || refusal.Status != want {
			t.Errorf("ParsePath(%q): %v, want status %d", path, refusal, want)
		}
	}
}

// FuzzParsePath checks that an id comes back as it was, however it is escaped,
// and that no path does harm.
func FuzzParsePath(f *testing.F) {
	for _, seed := range []string{"a", "../", "%2F", "", " ", "\xff", "a/service_bindings/b", "last_operation"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		path, refusal := ParsePath(text)
		if refusal == nil && path.Resource != Catalog && (path.InstanceID == "" || !utf8.ValidString(path.InstanceID)) {
			t.Errorf("ParsePath(%q) took the id %q", text, path.InstanceID)
		}
		checkRefusal(t, refusal)

		path, refusal = ParsePath("/v2/service_instances/" + url.PathEscape(text) + "/last_operation")
		valid := text != "" && len(text) <= MaxIDBytes && utf8.ValidString(text) && !strings.Contains(text, "\x00")
		if valid != (refusal == nil) {
			t.Fatalf("the id %q: %v", text, refusal)
		}
		if valid && path != (Path{Resource: InstanceLastOperation, InstanceID: text}) {
			t.Errorf("the id %q came out as %+v", text, path)
		}
	})
}
