package osb

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
)

// sent is a header as a server gets it.
func sent(name string, values ...string) http.Header {
	header := http.Header{}
	for _, value := range values {
		header.Add(name, value)
	}
	return header
}

func TestParseVersion(t *testing.T) {
	t.Parallel()
	for header, want := range map[string]Version{
		"2.17": {2, 17}, "2.4": {2, 4}, "2.5": {2, 5}, "2.0": {2, 0}, "2.18": {2, 18}, "2.999": {2, 999},
	} {
		got, refusal := ParseVersion(sent(HeaderVersion, header))
		if refusal != nil || got != want || got.String() != header {
			t.Errorf("%q: %v, %v", header, got, refusal)
		}
	}
	for header, want := range map[string]int{
		"": 400, "2": 400, "2.": 400, ".17": 400, "v2.17": 400, "2.17.1": 400, "2,17": 400, "2.x": 400, "-2.17": 400,
		"2 17": 400, "02.17": 400, "2.017": 400, "2.99999999999999999999": 400, "two": 400, "2.١": 400,
		"1.0": 412, "3.0": 412, "0.1": 412, "22.17": 412,
	} {
		if got, refusal := ParseVersion(sent(HeaderVersion, header)); refusal == nil || refusal.Status != want {
			t.Errorf("%q: %v, %v, want status %d", header, got, refusal, want)
		}
	}
	if _, refusal := ParseVersion(http.Header{}); refusal == nil || refusal.Status != http.StatusBadRequest {
		t.Errorf("no header: %v", refusal)
	}
	if _, refusal := ParseVersion(sent(HeaderVersion, "2.17", "2.4")); refusal == nil || refusal.Status != http.StatusBadRequest {
		t.Errorf("two headers: %v", refusal)
	}
	if !(Version{2, 4}).Before(6) || (Version{2, 6}).Before(6) || (Version{2, 17}).Before(6) {
		t.Error("Before does not compare the minor versions")
	}
}

func FuzzParseVersion(f *testing.F) {
	for _, seed := range []string{"2.17", "2.4", "", "2", "3.0", "2.1e1"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, header string) {
		v, refusal := ParseVersion(sent(HeaderVersion, header))
		checkRefusal(t, refusal)
		if refusal == nil && (v.Major != Major || v.String() != header) {
			t.Errorf("%q was taken as %v", header, v)
		}
	})
}

func TestOriginatingIdentity(t *testing.T) {
	t.Parallel()
	encode := func(text string) string { return base64.StdEncoding.EncodeToString([]byte(text)) }
	for header, want := range map[string]Identity{
		"":                             {},
		"cloudfoundry":                 {},
		"cloudfoundry ":                {},
		"cloudfoundry not-base64!":     {},
		"cloudfoundry " + encode(`[]`): {},
		"cloudfoundry " + encode(`{"user_id":"u"}`):           {"cloudfoundry", "u"},
		"kubernetes " + encode(`{"username":"duke","uid":1}`): {"kubernetes", "duke"},
		"other " + encode(`{"user_id":7}`):                    {"other", ""},
	} {
		if got := OriginatingIdentity(sent(HeaderOriginatingIdentity, header)); got != want {
			t.Errorf("%q: %+v, want %+v", header, got, want)
		}
	}
}

func TestQuery(t *testing.T) {
	t.Parallel()
	for query, want := range map[string]bool{
		"": false, "accepts_incomplete=true": true, "accepts_incomplete=false": false, "other=1": false,
		"accepts_incomplete=true&accepts_incomplete=true": true,
	} {
		values, refusal := ParseQuery(query)
		if refusal != nil {
			t.Fatal(refusal)
		}
		if got, refusal := AcceptsIncomplete(values); refusal != nil || got != want {
			t.Errorf("%q: %v, %v", query, got, refusal)
		}
	}
	for _, query := range []string{
		"accepts_incomplete", "accepts_incomplete=", "accepts_incomplete=1", "accepts_incomplete=TRUE",
		"accepts_incomplete=true&accepts_incomplete=false",
	} {
		values, _ := url.ParseQuery(query)
		if _, refusal := AcceptsIncomplete(values); refusal == nil || refusal.Status != http.StatusBadRequest {
			t.Errorf("%q: %v", query, refusal)
		}
	}
	for _, query := range []string{"a=%zz", "a=1;b=2", "%"} {
		if _, refusal := ParseQuery(query); refusal == nil || refusal.Status != http.StatusBadRequest {
			t.Errorf("%q: %v", query, refusal)
		}
	}
}

func TestRequireIDs(t *testing.T) {
	t.Parallel()
	service, plan, refusal := RequireIDs(url.Values{"service_id": {"s"}, "plan_id": {"p"}})
	if refusal != nil || service != "s" || plan != "p" {
		t.Errorf("%q, %q, %v", service, plan, refusal)
	}
	for _, query := range []string{
		"", "service_id=s", "plan_id=p", "service_id=&plan_id=p", "service_id=s&plan_id=", "service_id=s&plan_id=%ff",
		"service_id=s&service_id=t&plan_id=p",
	} {
		values, _ := url.ParseQuery(query)
		if _, _, refusal := RequireIDs(values); refusal == nil || refusal.Status != http.StatusBadRequest {
			t.Errorf("%q: %v", query, refusal)
		}
	}
}

func TestParseHints(t *testing.T) {
	t.Parallel()
	hints, refusal := ParseHints(url.Values{"operation": {"o"}, "plan_id": {"p"}})
	if refusal != nil || hints != (Hints{PlanID: "p", Operation: "o"}) {
		t.Errorf("%+v, %v", hints, refusal)
	}
	if _, refusal := ParseHints(url.Values{"operation": {""}}); refusal == nil || refusal.Status != http.StatusBadRequest {
		t.Errorf("an empty operation: %v", refusal)
	}
}

func TestErrorBody(t *testing.T) {
	t.Parallel()
	usable, repeatable := false, true
	for want, refusal := range map[string]*Error{
		`{"description":"no"}`:                           BadRequest("no"),
		`{"error":"ConcurrencyError","description":"7"}`: Coded(ConcurrencyError, "%d", 7),
		`{"description":"x","instance_usable":false,"update_repeatable":true}`: {
			Status: 422, Description: "x", InstanceUsable: &usable, UpdateRepeatable: &repeatable,
		},
	} {
		text, err := json.Marshal(refusal)
		if err != nil || string(text) != want {
			t.Errorf("%s, %v, want %s", text, err, want)
		}
	}
}

func TestWriteJSON(t *testing.T) {
	t.Parallel()
	recorder := httptest.NewRecorder()
	if err := WriteJSON(recorder, http.StatusGone, Empty{}); err != nil {
		t.Fatal(err)
	}
	if recorder.Code != http.StatusGone || recorder.Body.String() != "{}" ||
		recorder.Header().Get("Content-Type") != "application/json" || recorder.Header().Get("Content-Length") != "2" {
		t.Errorf("%d %v %s", recorder.Code, recorder.Header(), recorder.Body)
	}
	recorder = httptest.NewRecorder()
	if err := WriteJSON(recorder, http.StatusOK, InputParameters{Parameters: json.RawMessage("{")}); err == nil || recorder.Body.Len() > 0 {
		t.Errorf("what is no JSON: %v, and wrote %q", err, recorder.Body)
	}
}
