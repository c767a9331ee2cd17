package osb

import (
	"bytes"
	"encoding/json"
	"maps"
	"math/big"
	"slices"
	"strings"
)

// Equal tells whether two optional objects say the same: the order of fields and
// the spelling of numbers do not matter; absent, null and {} are the same.
// Numbers are compared exactly, however large.
func Equal(a, b json.RawMessage) bool {
	left, ok := decodeValue(a)
	if !ok {
		return false
	}
	right, ok := decodeValue(b)
	return ok && equalValues(left, right)
}

func decodeValue(text json.RawMessage) (value any, ok bool) {
	if len(text) == 0 {
		return map[string]any{}, true
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	if err := decoder.Decode(&value); err != nil {
		return nil, false
	}
	if value == nil {
		return map[string]any{}, true
	}
	return value, true
}

func equalValues(a, b any) bool {
	switch a := a.(type) {
	case map[string]any:
		b, ok := b.(map[string]any)
		return ok && maps.EqualFunc(a, b, equalValues)
	case []any:
		b, ok := b.([]any)
		return ok && slices.EqualFunc(a, b, equalValues)
	case json.Number:
		b, ok := b.(json.Number)
		return ok && (a == b || sameNumber(a, b))
	}
	return a == b
}

func sameNumber(a, b json.Number) bool {
	left, right := decompose(string(a)), decompose(string(b))
	return left.negative == right.negative && left.digits == right.digits && left.exponent.Cmp(right.exponent) == 0
}

// decimal is 0.digits × 10^exponent, with no zero at either end of the digits: a
// number written in one way only. The exponent can be of any size, so nothing
// may be computed from it: 1e999999999 is a short text and a huge number.
type decimal struct {
	negative bool
	digits   string
	exponent *big.Int
}

func decompose(number string) decimal {
	unsigned, negative := strings.CutPrefix(number, "-")
	mantissa, power := unsigned, "0"
	if i := strings.IndexAny(unsigned, "eE"); i >= 0 {
		mantissa, power = unsigned[:i], strings.TrimPrefix(unsigned[i+1:], "+")
	}
	exponent, _ := new(big.Int).SetString(power, 10) // JSON's grammar was checked
	whole, fraction, _ := strings.Cut(mantissa, ".")
	digits := strings.TrimLeft(whole+fraction, "0")
	leading := len(whole) + len(fraction) - len(digits)
	digits = strings.TrimRight(digits, "0")
	if digits == "" {
		return decimal{exponent: new(big.Int)}
	}
	return decimal{negative, digits, exponent.Add(exponent, big.NewInt(int64(len(whole)-leading)))}
}
