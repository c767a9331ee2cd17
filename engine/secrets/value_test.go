package secrets_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"strings"
	"testing"

	"github.com/servicepack/svp/engine/secrets"
)

const (
	text     = "correct-horse"
	redacted = "[redacted]"
)

// holder nests a Value in every way that printers treat differently.
type holder struct {
	Exported   secrets.Value
	unexported secrets.Value
	List       []secrets.Value
	Map        map[string]secrets.Value
	Pointer    *secrets.Value
	Any        any
	inner      struct{ deep secrets.Value }
}

func newHolder() holder {
	v := secrets.New(text)
	h := holder{
		Exported: v, unexported: v, List: []secrets.Value{v}, Map: map[string]secrets.Value{"k": v},
		Pointer: &v, Any: v,
	}
	h.inner.deep = v
	return h
}

// leaks reports whether out holds the secret in a form that a reader can undo.
func leaks(out string) bool {
	for _, form := range []string{text, fmt.Sprintf("%x", text), fmt.Sprintf("%X", text), fmt.Sprint([]byte(text))} {
		if strings.Contains(out, form) {
			return true
		}
	}
	return false
}

func TestValueNeverPrints(t *testing.T) {
	v := secrets.New(text)
	h := newHolder()
	subjects := map[string]any{
		"value": v, "pointer": &v, "list": []secrets.Value{v}, "map": map[string]secrets.Value{"k": v},
		"holder": h, "pointer to holder": &h, "reflect": reflect.ValueOf(h),
	}
	verbs := []string{
		"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "% x", "%#x", "%d", "%t", "%c", "%U", "%e", "%b", "%o",
		"%p", "%w", "%T", "%10s", "%-40v", "%.2s", "%z",
	}
	for name, subject := range subjects {
		for _, verb := range verbs {
			if out := fmt.Sprintf(verb, subject); leaks(out) {
				t.Errorf("%s with %s prints the secret: %s", name, verb, out)
			}
			if err := fmt.Errorf("wrapped: "+verb, subject); leaks(err.Error()) {
				t.Errorf("an error of %s with %s holds the secret: %v", name, verb, err)
			}
		}
	}
}

func TestValuePrintsRedacted(t *testing.T) {
	for name, v := range map[string]secrets.Value{"set": secrets.New(text), "empty": {}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
			if got := fmt.Sprintf(verb, v); got != redacted {
				t.Errorf("%s value with %s: got %s, want %s", name, verb, got, redacted)
			}
		}
		if got := v.String(); got != redacted {
			t.Errorf("String of %s value: got %s", name, got)
		}
		if got := v.GoString(); got != redacted {
			t.Errorf("GoString of %s value: got %s", name, got)
		}
	}
}

func TestValueNeverEncodes(t *testing.T) {
	h := newHolder()
	out, err := json.Marshal(h)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"Exported":"[redacted]","List":["[redacted]"],"Map":{"k":"[redacted]"},"Pointer":"[redacted]","Any":"[redacted]"}`
	if string(out) != want {
		t.Errorf("JSON: got %s, want %s", out, want)
	}
	out, err = xml.Marshal(secrets.New(text))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(out), redacted) || leaks(string(out)) {
		t.Errorf("XML: got %s", out)
	}
}

func TestValueNeverLogs(t *testing.T) {
	for name, handler := range map[string]func(*bytes.Buffer) slog.Handler{
		"text": func(b *bytes.Buffer) slog.Handler { return slog.NewTextHandler(b, nil) },
		"json": func(b *bytes.Buffer) slog.Handler { return slog.NewJSONHandler(b, nil) },
	} {
		t.Run(name, func(t *testing.T) {
			var b bytes.Buffer
			log := slog.New(handler(&b))
			v := secrets.New(text)
			log.Info("event", "value", v, "pointer", &v, "holder", newHolder(), "error", errors.New(v.String()))
			if leaks(b.String()) || !strings.Contains(b.String(), redacted) {
				t.Errorf("logged: %s", b.String())
			}
		})
	}
}

func TestReveal(t *testing.T) {
	for _, s := range []string{"", "a", text, "\xff\r'\"$", strings.Repeat("x", 1<<16)} {
		v := secrets.New(s)
		if v.Reveal() != s {
			t.Errorf("Reveal: got %q, want %q", v.Reveal(), s)
		}
		if v.IsZero() != (s == "") {
			t.Errorf("IsZero of %q: got %v", s, v.IsZero())
		}
	}
	var zero secrets.Value
	if zero.Reveal() != "" || !zero.IsZero() {
		t.Error("the zero Value is not the empty text")
	}
}

func TestEqual(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{"", "", true}, {"a", "a", true}, {"a", "b", false}, {"a", "", false}, {"a", "aa", false},
	} {
		if got := secrets.New(c.a).Equal(secrets.New(c.b)); got != c.want {
			t.Errorf("Equal of %q and %q: got %v", c.a, c.b, got)
		}
	}
}

func TestValidate(t *testing.T) {
	for _, c := range []struct {
		value string
		want  error
	}{
		{"", nil},
		{"plain", nil},
		{"carriage\rreturn\r", nil},
		{"\x01\x7f\x80\xff", nil},
		{" '\"`$\\ ", nil},
		{"two\nlines", secrets.ErrNewline},
		{"end\n", secrets.ErrNewline},
		{"nul\x00", secrets.ErrNUL},
	} {
		err := secrets.Validate(c.value)
		if !errors.Is(err, c.want) {
			t.Errorf("Validate(%q): got %v, want %v", c.value, err, c.want)
		}
		if err != nil && strings.Contains(err.Error(), c.value) {
			t.Errorf("the error holds the value: %v", err)
		}
	}
}
