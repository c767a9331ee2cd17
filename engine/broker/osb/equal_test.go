package osb

import (
	"encoding/json"
	"testing"
)

func TestEqual(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		a, b string
		want bool
	}{
		{"", "", true},
		{"", "null", true},
		{"", "{}", true},
		{"null", "{ }", true},
		{"", `{"a":null}`, false},
		{`{"a":1,"b":[1,2]}`, `{ "b":[1, 2], "a":1 }`, true},
		{`{"a":[1,2]}`, `{"a":[2,1]}`, false},
		{`{"a":1}`, `{"a":"1"}`, false},
		{`{"a":1}`, `{"a":true}`, false},
		{`{"a":null}`, `{"a":{}}`, false},
		{`{"a":null}`, `{"b":null}`, false},
		{`{"a":"x"}`, `{"a":["x"]}`, false},
		{`{"a":"\u0078"}`, `{"a":"x"}`, true},
		{`{"a":1}`, `{"a":1.0}`, true},
		{`{"a":100}`, `{"a":1e2}`, true},
		{`{"a":0.01}`, `{"a":10.0E-3}`, true},
		{`{"a":1e+2}`, `{"a":100.00}`, true},
		{`{"a":-0}`, `{"a":0.0e7}`, true},
		{`{"a":-1}`, `{"a":1}`, false},
		{`{"a":10}`, `{"a":1}`, false},
		{`{"a":0.1}`, `{"a":0.01}`, false},
		{`{"a":9007199254740993}`, `{"a":9007199254740992}`, false},
		{`{"a":0.1}`, `{"a":0.1000000000000000055511151231257827}`, false},
		{`{"a":1e999999999}`, `{"a":1e999999998}`, false},
		{`{"a":10e999999999999999999999}`, `{"a":1e1000000000000000000000}`, true},
		{`{`, `{`, false},
	} {
		if got := Equal(json.RawMessage(test.a), json.RawMessage(test.b)); got != test.want {
			t.Errorf("Equal(%s, %s) = %v", test.a, test.b, got)
		}
		if got := Equal(json.RawMessage(test.b), json.RawMessage(test.a)); got != test.want {
			t.Errorf("Equal(%s, %s) = %v", test.b, test.a, got)
		}
	}
}
