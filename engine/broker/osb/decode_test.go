package osb

import (
	"encoding/json"
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

var current = Version{Major, Minor}

// decoders are the three, as one kind of function.
var decoders = map[string]func([]byte, Version) (any, *Error){
	"provision": func(b []byte, v Version) (any, *Error) { return DecodeProvision(b, v) },
	"update":    func(b []byte, v Version) (any, *Error) { return DecodeUpdate(b, v) },
	"bind":      func(b []byte, v Version) (any, *Error) { return DecodeBind(b, v) },
}

// whole is a body that every decoder takes.
func whole() map[string]any {
	return map[string]any{
		"service_id": "s", "plan_id": "p", "organization_guid": "o", "space_guid": "sp",
		"context": map[string]any{"platform": "x"}, "parameters": map[string]any{"a": 1},
		"maintenance_info": map[string]any{"version": "1.0.0"},
		"app_guid":         "app", "bind_resource": map[string]any{"app_guid": "app", "route": "r", "other": []int{1}},
		"previous_values": map[string]any{"plan_id": "old", "organization_id": "o"},
		"x-unknown":       []any{nil},
	}
}

func marshal(t *testing.T, value any) []byte {
	t.Helper()
	text, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestDecodeWhole(t *testing.T) {
	t.Parallel()
	body := marshal(t, whole())
	provision, refusal := DecodeProvision(body, current)
	if refusal != nil {
		t.Fatal(refusal)
	}
	if provision.ServiceID != "s" || provision.PlanID != "p" || provision.OrganizationGUID != "o" || provision.SpaceGUID != "sp" ||
		string(provision.Parameters) != `{"a":1}` || string(provision.Context) != `{"platform":"x"}` ||
		provision.MaintenanceInfo.Version != "1.0.0" {
		t.Errorf("provision: %+v", provision)
	}
	update, refusal := DecodeUpdate(body, current)
	if refusal != nil {
		t.Fatal(refusal)
	}
	if update.ServiceID != "s" || update.PlanID != "p" || update.PreviousValues.PlanID != "old" ||
		update.PreviousValues.OrganizationGUID != "o" || update.PreviousValues.MaintenanceInfo != nil {
		t.Errorf("update: %+v", update)
	}
	bind, refusal := DecodeBind(body, current)
	if refusal != nil {
		t.Fatal(refusal)
	}
	if bind.ServiceID != "s" || bind.App() != "app" || bind.BindResource.Route != "r" ||
		string(bind.BindResource.Raw) != `{"app_guid":"app","other":[1],"route":"r"}` || bind.PredecessorBindingID != "" {
		t.Errorf("bind: %+v", bind)
	}
}

func TestDecodeRequiredFields(t *testing.T) {
	t.Parallel()
	for decoder, required := range map[string][]string{
		"provision": {"service_id", "plan_id", "organization_guid", "space_guid"},
		"update":    {"service_id"},
		"bind":      {"service_id", "plan_id"},
	} {
		for _, field := range required {
			for what, value := range map[string]any{
				"missing": missing, "null": nil, "a number": 7, "a list": []string{"s"}, "an object": map[string]any{},
				"true": true, "empty": "", "too long": strings.Repeat("x", MaxIDBytes+1), "with NUL": "a\x00",
			} {
				refuses(t, decoder, field, value, what)
			}
		}
	}
}

func TestDecodeOptionalFields(t *testing.T) {
	t.Parallel()
	for decoder, objects := range map[string][]string{
		"provision": {"context", "parameters", "maintenance_info"},
		"update":    {"context", "parameters", "maintenance_info", "previous_values"},
		"bind":      {"context", "parameters", "bind_resource"},
	} {
		for _, field := range objects {
			for what, value := range map[string]any{"a number": 7, "a list": []string{}, "a string": "{}", "false": false} {
				refuses(t, decoder, field, value, what)
			}
			accepts(t, decoder, field, nil)
			accepts(t, decoder, field, missing)
		}
	}
	for _, decoder := range []string{"provision", "update"} {
		refuses(t, decoder, "maintenance_info", map[string]any{}, "without a version")
		refuses(t, decoder, "maintenance_info", map[string]any{"version": 2}, "with a number as version")
	}
	refuses(t, "update", "plan_id", "", "empty")
	refuses(t, "update", "plan_id", 1, "a number")
	accepts(t, "update", "plan_id", missing)
	refuses(t, "bind", "app_guid", "", "empty")
	refuses(t, "bind", "bind_resource", map[string]any{"app_guid": 1}, "with a number as application")
	refuses(t, "bind", "predecessor_binding_id", "", "empty")
}

// missing marks a field to be left out.
var missing = new(struct{})

func bodyWith(t *testing.T, field string, value any) []byte {
	t.Helper()
	fields := whole()
	fields[field] = value
	maps.DeleteFunc(fields, func(_ string, value any) bool { return value == any(missing) })
	return marshal(t, fields)
}

func refuses(t *testing.T, decoder, field string, value any, what string) {
	t.Helper()
	_, refusal := decoders[decoder](bodyWith(t, field, value), current)
	switch {
	case refusal == nil:
		t.Errorf("%s takes a %s that is %s", decoder, field, what)
	case refusal.Status != http.StatusBadRequest || !strings.Contains(refusal.Description, field):
		t.Errorf("%s with a %s that is %s: %d %v", decoder, field, what, refusal.Status, refusal)
	}
}

func accepts(t *testing.T, decoder, field string, value any) {
	t.Helper()
	if _, refusal := decoders[decoder](bodyWith(t, field, value), current); refusal != nil {
		t.Errorf("%s with %s = %v: %v", decoder, field, value, refusal)
	}
}

func TestDecodeMalformed(t *testing.T) {
	t.Parallel()
	good := string(marshal(t, whole()))
	for what, body := range map[string]string{
		"nothing":                   "",
		"white space":               " \n",
		"null":                      "null",
		"a list":                    "[" + good + "]",
		"a string":                  `"service_id"`,
		"two objects":               good + good,
		"a bracket more":            good + "}",
		"a letter more":             good + "x",
		"half of it":                good[:len(good)/2],
		"a comma too many":          good[:len(good)-1] + ",}",
		"a byte order mark":         "\ufeff" + good,
		"UTF-8 that is none":        strings.Replace(good, `"x"`, "\"\xff\"", 1),
		"UTF-16":                    "{\x00\"\x00",
		"a field twice":             good[:len(good)-1] + `,"plan_id":"p"}`,
		"a field twice, escaped":    good[:len(good)-1] + `,"plan_\u0069d":"p"}`,
		"a field twice, inside":     strings.Replace(good, `{"a":1}`, `{"a":1,"b":[{"c":1,"c":2}]}`, 1),
		"lists in lists":            strings.Replace(good, `{"a":1}`, `{"a":`+strings.Repeat("[", 5000)+strings.Repeat("]", 5000)+`}`, 1),
		"objects in objects":        strings.Replace(good, `{"a":1}`, strings.Repeat(`{"a":`, 5000)+"1"+strings.Repeat("}", 5000), 1),
		"a million brackets":        strings.Repeat("[", 1_000_000),
		"a million opened objects":  strings.Repeat(`{"a":`, 1_000_000),
		"fields in other case only": strings.ReplaceAll(good, "_id", "_ID"),
	} {
		for name, decode := range decoders {
			started := time.Now()
			_, refusal := decode([]byte(body), current)
			if refusal == nil || refusal.Status != http.StatusBadRequest {
				t.Errorf("%s of %s: %v", name, what, refusal)
			}
			if elapsed := time.Since(started); elapsed > 5*time.Second {
				t.Errorf("%s of %s took %v", name, what, elapsed)
			}
		}
	}
}

func TestDecodeTakes(t *testing.T) {
	t.Parallel()
	good := string(marshal(t, whole()))
	for what, body := range map[string]string{
		"white space around":        "\r\n\t " + good + " \n",
		"fields in other case too":  good[:len(good)-1] + `,"Plan_ID":7}`,
		"the same field in lists":   strings.Replace(good, `{"a":1}`, `{"a":[{"c":1},{"c":2}],"c":{"a":{}}}`, 1),
		"values that look as names": strings.Replace(good, `{"a":1}`, `{"a":"a","b":"a"}`, 1),
		"a huge number":             strings.Replace(good, `{"a":1}`, `{"a":1e999999999}`, 1),
		"fifty levels":              strings.Replace(good, `{"a":1}`, `{"a":`+strings.Repeat("[", 50)+strings.Repeat("]", 50)+`}`, 1),
	} {
		for name, decode := range decoders {
			if _, refusal := decode([]byte(body), current); refusal != nil {
				t.Errorf("%s of %s: %v", name, what, refusal)
			}
		}
	}
}

func TestDecodeUpdateOfOldClients(t *testing.T) {
	t.Parallel()
	for minor, want := range map[int]bool{4: true, 5: true, 6: false, 17: false, 18: false} {
		request, refusal := DecodeUpdate([]byte(`{"plan_id":"p"}`), Version{Major, minor})
		if (refusal == nil) != want {
			t.Errorf("2.%d without service_id: %v", minor, refusal)
		}
		if refusal == nil && (request.PlanID != "p" || request.ServiceID != "") {
			t.Errorf("2.%d: %+v", minor, request)
		}
	}
	if _, refusal := DecodeUpdate([]byte(`{"plan_id":"p","service_id":null}`), Version{Major, 4}); refusal == nil {
		t.Error("a service_id that is null was taken from a 2.4 client")
	}
}

func TestDecodeRotation(t *testing.T) {
	t.Parallel()
	for _, body := range []string{
		`{"predecessor_binding_id":"b"}`,
		`{"predecessor_binding_id":"b","service_id":"s","plan_id":"p"}`,
	} {
		request, refusal := DecodeBind([]byte(body), current)
		if refusal != nil || request.PredecessorBindingID != "b" {
			t.Errorf("%s: %+v, %v", body, request, refusal)
		}
	}
	if _, refusal := DecodeBind([]byte(`{"predecessor_binding_id":"b","plan_id":""}`), current); refusal == nil {
		t.Error("a rotation with an empty plan_id was taken")
	}
}

// checkRefusal checks that a refusal is one that can be sent.
func checkRefusal(t *testing.T, refusal *Error) {
	t.Helper()
	if refusal == nil {
		return
	}
	if refusal.Status < 400 || refusal.Status > 499 || refusal.Description == "" || !utf8.ValidString(refusal.Description) ||
		len(refusal.Description) > 4096 {
		t.Errorf("refused with %d %q", refusal.Status, refusal.Description)
	}
}

func fuzzDecoder(f *testing.F, decode func([]byte, Version) (any, *Error)) {
	text, err := json.Marshal(whole())
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range []string{
		string(text), "", "null", "{}", "[[[[", `{"service_id":"s","plan_id":"p"}`, `{"a":1,"a":2}`,
		`{"predecessor_binding_id":"b"}`, `{"plan_id":"p"} x`, "{\"\xff\":1}",
	} {
		f.Add([]byte(seed), 17)
		f.Add([]byte(seed), 4)
	}
	f.Fuzz(func(t *testing.T, body []byte, minor int) {
		_, refusal := decode(body, Version{Major, minor})
		checkRefusal(t, refusal)
		if refusal == nil && (!json.Valid(body) || !utf8.Valid(body)) {
			t.Errorf("%q was taken", body)
		}
	})
}

func FuzzDecodeProvision(f *testing.F) { fuzzDecoder(f, decoders["provision"]) }

func FuzzDecodeUpdate(f *testing.F) { fuzzDecoder(f, decoders["update"]) }

func FuzzDecodeBind(f *testing.F) { fuzzDecoder(f, decoders["bind"]) }
