package servicearchive

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
)

// profileFile is the Service Profile, at the root of an archive; see Structure.
const profileFile = "profile.xml"

// Limits of a profile. Those of real services have some hundred lines.
const (
	MaxProfile    = 1 << 20 // bytes
	maxDepth      = 64
	maxAttributes = 64
)

// ReadProfile reads a profile. It expands no entities and fetches nothing. What
// a profile holds beyond the schema is skipped: those of later releases have
// elements that it does not know.
func ReadProfile(r io.Reader) (Profile, error) {
	text, err := io.ReadAll(io.LimitReader(r, MaxProfile+1))
	if err != nil {
		return Profile{}, fmt.Errorf("read %s: %w", profileFile, err)
	}
	if len(text) > MaxProfile {
		return Profile{}, faulty(0, fmt.Sprintf("larger than %d bytes", MaxProfile))
	}
	tokens := &boundedTokens{decoder: xml.NewDecoder(bytes.NewReader(bytes.TrimPrefix(text, []byte("\ufeff"))))}
	document := xml.NewTokenDecoder(tokens)
	var resource resourceElement
	if err := document.Decode(&resource); err != nil {
		return Profile{}, tokens.explain(err)
	}
	if err := expectEnd(document); err != nil {
		return Profile{}, tokens.explain(err)
	}
	return resource.profile()
}

func faulty(line int, reason string) *Error {
	return &Error{Path: profileFile, Line: line, Reason: reason}
}

// boundedTokens hands on the tokens of a document while it keeps the limits.
type boundedTokens struct {
	decoder *xml.Decoder
	depth   int
}

// Token gives the next token, or says which limit it breaks.
func (b *boundedTokens) Token() (xml.Token, error) {
	token, err := b.decoder.Token()
	if err != nil {
		return token, err
	}
	switch token := token.(type) {
	case xml.StartElement:
		if b.depth++; b.depth > maxDepth {
			return nil, faulty(b.line(), fmt.Sprintf("elements are nested deeper than %d", maxDepth))
		}
		if len(token.Attr) > maxAttributes {
			return nil, faulty(b.line(), fmt.Sprintf("an element has more than %d attributes", maxAttributes))
		}
	case xml.EndElement:
		b.depth--
	case xml.Directive:
		// <!DOCTYPE xml> stands in real profiles, and says nothing.
		if bytes.Contains(token, []byte("ENTITY")) {
			return nil, faulty(b.line(), "declares entities, which svp does not expand")
		}
	}
	return token, nil
}

func (b *boundedTokens) line() int {
	line, _ := b.decoder.InputPos()
	return line
}

// explain puts an error of the XML library into the words of this package.
func (b *boundedTokens) explain(err error) error {
	var own *Error
	var syntax *xml.SyntaxError
	switch {
	case errors.As(err, &own):
		return own
	case errors.As(err, &syntax):
		return &Error{Path: profileFile, Line: max(syntax.Line, b.line()), Reason: "not XML: " + syntax.Msg, Err: err}
	case errors.Is(err, io.EOF):
		return faulty(0, "holds no element Resource")
	}
	return &Error{Path: profileFile, Line: b.line(), Reason: strings.TrimPrefix(err.Error(), "xml: "), Err: err}
}

// expectEnd refuses what follows the root element, but for comments.
func expectEnd(document *xml.Decoder) error {
	for {
		token, err := document.Token()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
		switch token := token.(type) {
		case xml.Comment, xml.ProcInst:
			continue
		case xml.CharData:
			if len(bytes.TrimSpace(token)) == 0 {
				continue
			}
		}
		return faulty(0, "goes on after its element Resource")
	}
}

// profile gives the document its meaning. It refuses what no archive could be
// laid out by; Verify checks the rest.
func (r resourceElement) profile() (Profile, error) {
	p := Profile{
		ID:          strings.TrimSpace(r.ID),
		Class:       strings.TrimSpace(r.Profile.Class),
		Name:        strings.TrimSpace(r.Profile.Name),
		Version:     strings.TrimSpace(r.Profile.Version),
		Description: strings.TrimSpace(r.Profile.Description),
		resource:    r,
	}
	if r.Profile.Packages == nil || len(r.Profile.Packages.List) == 0 {
		return Profile{}, faulty(0, "declares no packages")
	}
	names := map[string]bool{}
	for _, element := range r.Profile.Packages.List {
		declared, err := element.declared()
		if err != nil {
			return Profile{}, err
		}
		if names[declared.Name] {
			return Profile{}, faulty(0, fmt.Sprintf("declares two packages named %q", declared.Name))
		}
		names[declared.Name] = true
		if declared.Kind == Main && r.Profile.Configs != nil {
			declared.mayHold = cleanPaths(r.Profile.Configs.Files)
		}
		p.Packages = append(p.Packages, declared)
	}
	return p, nil
}

func (e packageElement) declared() (Package, error) {
	p := Package{
		Kind:        Kind(e.XMLName.Local),
		Name:        strings.TrimSpace(e.Name),
		Version:     strings.TrimSpace(e.Version),
		Description: strings.TrimSpace(e.Description),
		Type:        strings.TrimSpace(e.Type),
		URI:         strings.TrimSpace(e.URI),
	}
	switch {
	case !slices.Contains([]Kind{Main, Software, Plugin}, p.Kind):
		return Package{}, faulty(0, fmt.Sprintf("declares a package as %s; a package is Main, Software or Plugin", p.Kind))
	case p.Name == "":
		return Package{}, faulty(0, fmt.Sprintf("declares a package (%s) without a Name", p.Kind))
	case !fs.ValidPath(p.Name) || p.Name == "." || p.Name == profileFile || strings.ContainsAny(p.Name, "/\\\x00"):
		return Package{}, faulty(0, fmt.Sprintf("declares a package %q, which cannot be the name of a folder", p.Name))
	}
	if p.Kind == Software && p.Type == "" {
		p.Type = "library" // the schema's default
	}
	if e.Maven != nil {
		p.Maven = &Maven{
			Group:    strings.TrimSpace(e.Maven.Group),
			Artifact: strings.TrimSpace(e.Maven.Artifact),
			Version:  strings.TrimSpace(e.Maven.Version),
		}
	}
	for _, dependency := range e.DependsOn.all() {
		p.DependsOn = append(p.DependsOn, dependency.declared())
	}
	err := p.declareFiles(slices.Concat(
		[]string{e.GARArchive}, e.Files.names(), e.Install.names(), e.Uninstall.names(), e.Reboot.names()))
	return p, err
}

// declareFiles takes a file that is named twice, as a file and as a script, once.
func (p *Package) declareFiles(names []string) error {
	known := make(map[string]bool, len(names))
	for _, name := range names {
		name = strings.TrimSpace(name)
		if name == "" {
			continue
		}
		clean := path.Clean(name)
		if !fs.ValidPath(clean) || clean == "." || strings.ContainsAny(clean, "\\\x00") {
			return faulty(0, fmt.Sprintf("package %s declares the file %q, which is no path in its folder", plain(p.Name), name))
		}
		if !known[clean] {
			known[clean] = true
			p.Files = append(p.Files, clean)
		}
	}
	return nil
}

func cleanPaths(names []string) map[string]bool {
	clean := make(map[string]bool, len(names))
	for _, name := range names {
		clean[path.Clean(strings.TrimSpace(name))] = true
	}
	return clean
}

func (e dependencyElement) declared() Dependency {
	optional := strings.TrimSpace(e.Optional)
	return Dependency{
		Class:    strings.TrimSpace(e.Service.Class),
		Service:  strings.TrimSpace(e.Service.Name),
		Package:  strings.TrimSpace(e.Package),
		Version:  strings.TrimSpace(e.Version),
		Optional: optional == "true" || optional == "1",
	}
}
