package pack

import (
	"cmp"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/servicepack/svp/engine/lazyregexp"
)

var (
	versionPattern = lazyregexp.New(`^[A-Za-z0-9][A-Za-z0-9_.+~-]*$`)
	cpusPattern    = lazyregexp.New(`^[0-9]{1,6}(\.[0-9]{1,9})?$`)
	sha256Pattern  = lazyregexp.New(`^[0-9a-fA-F]{64}$`)
	uriPattern     = lazyregexp.New(`^[a-z][a-z0-9+.-]*://[^\s]+$`)
	webPattern     = lazyregexp.New(`^https?://[^\s]+$`)
	imagePattern   = lazyregexp.New(`^(https?://|data:image/)[^\s]+$`)
)

// fault says what is wrong with the value of a field.
func (t text) fault(field, format string, args ...any) *Error {
	return &Error{File: manifestFile, Key: field, Line: t.line, Column: t.column, Reason: fmt.Sprintf(format, args...)}
}

// match refuses a value that is there and does not have the form.
func (t text) match(field string, form func() *regexp.Regexp, meaning string) *Error {
	if t.line == 0 || form().MatchString(t.value) {
		return nil
	}
	return t.fault(field, "%s is not %s", quote(t.value), meaning)
}

const (
	nameMeaning = `a name; it is lower-case letters, digits, "_", "." and "-", and begins with a letter or digit`
	webMeaning  = "a web address that begins with https:// or http://"
)

// describe returns what servicepack.yaml says, validated, and the faults of it:
// the first of each part. Without the file there is one plan.
func (m manifest) describe() (Descriptor, []*Error) {
	d := Descriptor{
		ID:          m.ID.value,
		Group:       m.Group.value,
		Name:        m.Name.value,
		Version:     m.Version.value,
		Description: m.Description.value,
		Bindable:    given(m.Bindable, true),
		Volatile:    given(m.Volatile, false),
		Schemas:     m.Schemas.describe(),
	}
	var faults []*Error
	check := func(fault *Error) {
		if fault != nil {
			faults = append(faults, fault)
		}
	}
	var fault *Error
	check(m.Group.match("group", namePattern, nameMeaning))
	check(m.checkName())
	check(m.Version.match("version", versionPattern, "a version, such as 1.0.0"))
	d.Tags, fault = texts("tags", m.Tags)
	check(fault)
	d.Plans, fault = m.plans()
	check(fault)
	check(m.checkIDs())
	d.Requires, fault = m.requires()
	check(fault)
	d.PlanUpdateable = given(m.PlanUpdateable, len(d.Plans) > 1)
	d.Catalog, fault = m.Catalog.describe()
	check(fault)
	d.Dependencies, fault = m.dependencies()
	check(fault)
	d.Exclude, fault = m.exclude()
	check(fault)
	return d, faults
}

func (m manifest) checkName() *Error {
	if err := m.Name.match("name", namePattern, nameMeaning); err != nil {
		return err
	}
	if len(m.Name.value) > maxName {
		return m.Name.fault("name", "longer than %d characters", maxName)
	}
	return nil
}

// texts returns the values of a list without blank ones or duplicates.
func texts(field string, list []text) ([]string, *Error) {
	var values []string
	first := make(map[string]int, len(list))
	for i, t := range list {
		field := fmt.Sprintf("%s[%d]", field, i)
		if strings.TrimSpace(t.value) == "" {
			return nil, t.fault(field, "empty")
		}
		if earlier, ok := first[t.value]; ok {
			return nil, t.fault(field, "%s is on line %d already", quote(t.value), earlier)
		}
		first[t.value] = t.line
		values = append(values, t.value)
	}
	return values, nil
}

func (m manifest) plans() ([]Plan, *Error) {
	if len(m.Plans) == 0 {
		return []Plan{{Name: DefaultPlan}}, nil
	}
	plans := make([]Plan, 0, len(m.Plans))
	first := make(map[string]int, len(m.Plans))
	for i, entry := range m.Plans {
		field := fmt.Sprintf("plans[%d]", i)
		if entry.Name.value == "" {
			return nil, m.lacks("plans", i, "name")
		}
		plan, err := entry.describe(field)
		if err != nil {
			return nil, err
		}
		if earlier, ok := first[plan.Name]; ok {
			return nil, entry.Name.fault(field+".name", "the plan on line %d has the name %s already", earlier, quote(plan.Name))
		}
		first[plan.Name] = entry.Name.line
		plans = append(plans, plan)
	}
	return plans, nil
}

func (e planEntry) describe(field string) (Plan, *Error) {
	if err := e.Name.match(field+".name", namePattern, nameMeaning); err != nil {
		return Plan{}, err
	}
	limits, err := e.Limits.describe(field + ".limits")
	if err != nil {
		return Plan{}, err
	}
	parameters, err := e.parameters(field + ".parameters")
	if err != nil {
		return Plan{}, err
	}
	return Plan{
		ID:          e.ID.value,
		Name:        e.Name.value,
		Description: e.Description.value,
		Free:        e.Free,
		Limits:      limits,
		Parameters:  parameters,
	}, nil
}

// What a container needs to start at all: less memory is refused by Docker,
// a smaller share of a processor by the kernel. No machine has maxCPUs.
const (
	minMemory = 6 << 20
	minCPUs   = 0.01
	maxCPUs   = 1024
)

func (e limitsEntry) describe(field string) (Limits, *Error) {
	var limits Limits
	sizes := []struct {
		name   string
		text   text
		target *int64
	}{
		{"memory", e.Memory, &limits.MemoryBytes},
		{"shm", e.Shm, &limits.ShmBytes},
		{"storage", e.Storage, &limits.StorageBytes},
	}
	for _, size := range sizes {
		if size.text.line == 0 {
			continue
		}
		bytes, err := parseSize(size.text.value)
		if err != nil {
			return Limits{}, size.text.fault(field+"."+size.name, "%v", err)
		}
		*size.target = bytes
	}
	if e.Memory.line > 0 && limits.MemoryBytes < minMemory {
		return Limits{}, e.Memory.fault(field+".memory", "%s is less than 6m, with which no container starts", quote(e.Memory.value))
	}
	if e.CPUs.line > 0 {
		cpus, err := strconv.ParseFloat(e.CPUs.value, 64)
		if err != nil || cpus <= 0 || !cpusPattern().MatchString(e.CPUs.value) {
			return Limits{}, e.CPUs.fault(field+".cpus", "%s is not a number of processors, such as 0.5 or 2", quote(e.CPUs.value))
		}
		if cpus < minCPUs || cpus > maxCPUs {
			return Limits{}, e.CPUs.fault(field+".cpus", "%s is not from %v to %v", quote(e.CPUs.value), minCPUs, maxCPUs)
		}
		limits.CPUs = cpus
	}
	return limits, nil
}

// parameters refuses names that could not be told apart as PLAN_<NAME>.
func (e planEntry) parameters(field string) (map[string]string, *Error) {
	if len(e.Parameters) == 0 {
		return nil, nil
	}
	parameters := make(map[string]string, len(e.Parameters))
	lines := make(map[string]int, len(e.Parameters))
	byLine := func(a, b string) int { return cmp.Compare(e.Parameters[a].line, e.Parameters[b].line) }
	for _, name := range slices.SortedFunc(maps.Keys(e.Parameters), byLine) {
		value := e.Parameters[name]
		field := field + "." + clip(name, maxQuoted)
		if err := CheckParameter(name, value.value); err != nil {
			return nil, value.fault(field, "%v", err)
		}
		variable := "PLAN_" + strings.ToUpper(name)
		if earlier, ok := lines[variable]; ok {
			return nil, value.fault(field, "becomes %s, as the one on line %d does", clip(variable, maxQuoted), earlier)
		}
		lines[variable] = value.line
		parameters[name] = value.value
	}
	return parameters, nil
}

func (e catalogEntry) describe() (Catalog, *Error) {
	addresses := []struct {
		name    string
		text    text
		form    func() *regexp.Regexp
		meaning string
	}{
		{"documentation_url", e.DocumentationURL, webPattern, webMeaning},
		{"support_url", e.SupportURL, webPattern, webMeaning},
		{"image_url", e.ImageURL, imagePattern, webMeaning + ", or a data:image/ one"},
	}
	for _, address := range addresses {
		if err := address.text.match("catalog."+address.name, address.form, address.meaning); err != nil {
			return Catalog{}, err
		}
	}
	return Catalog{
		DisplayName:         e.DisplayName.value,
		LongDescription:     e.LongDescription.value,
		DocumentationURL:    e.DocumentationURL.value,
		ProviderDisplayName: e.ProviderDisplayName.value,
		SupportURL:          e.SupportURL.value,
		ImageURL:            e.ImageURL.value,
	}, nil
}

func (m manifest) dependencies() ([]Dependency, *Error) {
	var dependencies []Dependency
	for i, entry := range m.Dependencies {
		field := fmt.Sprintf("dependencies[%d]", i)
		switch {
		case entry.URI.value == "":
			return nil, m.lacks("dependencies", i, "uri")
		case entry.SHA256.value == "":
			return nil, m.lacks("dependencies", i, "sha256")
		}
		if err := entry.URI.match(field+".uri", uriPattern, "an address such as https://example.org/file.tar.gz"); err != nil {
			return nil, err
		}
		if err := entry.SHA256.match(field+".sha256", sha256Pattern, "64 hexadecimal digits"); err != nil {
			return nil, err
		}
		dependencies = append(dependencies, Dependency{
			URI: entry.URI.value, SHA256: strings.ToLower(entry.SHA256.value), Line: entry.URI.line,
		})
	}
	return dependencies, nil
}

// lacks says that entry i of a list is without a field that it needs.
func (m manifest) lacks(list string, i int, field string) *Error {
	return &Error{
		File:   manifestFile,
		Key:    fmt.Sprintf("%s[%d]", list, i),
		Line:   m.entryLine(list, i),
		Reason: "has no " + field,
	}
}
