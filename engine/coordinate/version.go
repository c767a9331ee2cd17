package coordinate

import (
	"cmp"
	"strings"
)

// IsPreRelease tells that the version comes before a release, as 2.0.0-rc.1 does,
// or 2.0.0~beta.
func IsPreRelease(version string) bool { return parseVersion(version).before != "" }

// CompareVersions orders versions: it is negative when a is lower than b, and 0
// only when they are the same text. It is the order of Semantic Versioning 2.0.0,
// section 11, for more versions than those: there may be any number of parts, and
// letters among the digits; "~" separates as "-" does; and what follows a "+",
// which is no part of that order, decides where nothing else does.
func CompareVersions(a, b string) int {
	left, right := parseVersion(a), parseVersion(b)
	order := cmp.Or(
		compareParts(left.release, right.release),
		compareBefore(left.before, right.before),
		compareParts(left.build, right.build),
	)
	if order == 0 {
		return strings.Compare(a, b) // 1.01 and 1.1
	}
	return order
}

type version struct{ release, before, build string }

func parseVersion(text string) version {
	text, build, _ := strings.Cut(text, "+")
	v := version{release: text, build: build}
	if i := strings.IndexAny(text, "-~"); i >= 0 {
		v.release, v.before = text[:i], text[i+1:]
		if v.before == "" {
			v.before = "-" // "1.0-" is no release either
		}
	}
	return v
}

// compareBefore puts a release after what comes before it.
func compareBefore(a, b string) int {
	if a == "" || b == "" {
		return cmp.Compare(len(b), len(a))
	}
	return compareParts(a, b)
}

// compareParts compares part by part; of two that begin the same the longer is
// the higher.
func compareParts(a, b string) int {
	left, right := parts(a), parts(b)
	for i := range min(len(left), len(right)) {
		if order := comparePart(left[i], right[i]); order != 0 {
			return order
		}
	}
	return cmp.Compare(len(left), len(right))
}

func parts(text string) []string {
	if text == "" {
		return nil
	}
	return strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune(".-_~+", r) })
}

// comparePart compares runs of digits by their value and others as text; a number
// is lower than a word.
func comparePart(a, b string) int {
	for a != "" && b != "" {
		left, right := run(a), run(b)
		if order := compareRun(left, right); order != 0 {
			return order
		}
		a, b = a[len(left):], b[len(right):]
	}
	return cmp.Compare(len(a), len(b))
}

// run is what the text begins with: digits, or none.
func run(text string) string {
	first := isDigit(text[0])
	end := strings.IndexFunc(text, func(r rune) bool { return ('0' <= r && r <= '9') != first })
	if end < 0 {
		return text
	}
	return text[:end]
}

func compareRun(a, b string) int {
	if !isDigit(a[0]) || !isDigit(b[0]) {
		return strings.Compare(a, b) // digits come before letters
	}
	a, b = strings.TrimLeft(a, "0"), strings.TrimLeft(b, "0")
	return cmp.Or(cmp.Compare(len(a), len(b)), strings.Compare(a, b))
}

func isDigit(b byte) bool { return '0' <= b && b <= '9' }
