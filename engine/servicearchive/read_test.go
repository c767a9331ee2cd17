package servicearchive

import (
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// profileOf is a profile with these packages.
func profileOf(packages string) string {
	return `<?xml version="1.0" encoding="UTF-8"?>
<Resource><ID/><Type>Service</Type><Profile>
<Class>Demo</Class><Name>shop</Name><Version>1.0</Version><Packages>` + packages + `</Packages></Profile></Resource>`
}

// software is a package that a profile can have.
func software(name, rest string) string {
	return "<Software><Name>" + name + "</Name><Version>1.0</Version>" + rest + "</Software>"
}

func readText(t *testing.T, text string) Profile {
	t.Helper()
	profile, err := ReadProfile(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return profile
}

var sameProfile = cmpopts.IgnoreUnexported(Profile{}, Package{})

func TestTheExampleOfTheSpecificationIsRead(t *testing.T) {
	text, err := os.ReadFile("testdata/is-registry.xml")
	if err != nil {
		t.Fatal(err)
	}
	want := Profile{
		ID: "gfgdf80-131b-11db-90fgf98-dgfgfgf66ed3f", Class: "InformationSystem", Name: "IS-Registry", Version: "1.0",
		Packages: []Package{
			{
				Kind: Main, Name: "IS-Registry-service", Version: "1.0",
				Files: []string{"org.gcube.informationsystem.registry.gar"},
				DependsOn: []Dependency{
					{Class: "InformationSystem", Service: "IS-Registry", Package: "IS-Registry-stubs", Version: "1.0"},
				},
			},
			{
				Kind: Software, Name: "IS-Registry-stubs", Version: "1.0", Type: "library",
				Files: []string{"org.gcube.informationsystem.registry.stubs.jar"},
			},
		},
	}
	profile := readText(t, string(text))
	if diff := cmp.Diff(want, profile, sameProfile); diff != "" {
		t.Error(diff)
	}
	var found problems
	profile.check(&found)
	if err := found.err(); err != nil {
		t.Error(err)
	}
}

// What real profiles have, of the schema's time and later.
func TestTraitsOfRealProfiles(t *testing.T) {
	const main = "<Main><Name>m</Name><Version>1.0</Version>%s<PortType><Name>p</Name><WSDL/></PortType></Main>"
	for name, c := range map[string]struct {
		text string
		want []Package
	}{
		"white space in a GARArchive": {
			profileOf(strings.Replace(main, "%s", "<GARArchive>\n\t\tm.gar \n\t</GARArchive>", 1)),
			[]Package{{Kind: Main, Name: "m", Version: "1.0", Files: []string{"m.gar"}}},
		},
		"a file in lib": {
			profileOf(software("a", "<Files><File>lib/a.jar</File><File> ./b.jar</File></Files>")),
			[]Package{{Kind: Software, Type: "library", Name: "a", Version: "1.0", Files: []string{"lib/a.jar", "b.jar"}}},
		},
		"a document type": {
			strings.Replace(profileOf(software("a", "<URI>http://x/a</URI>")), "?>", "?>\n<!DOCTYPE xml>", 1),
			[]Package{{Kind: Software, Type: "library", Name: "a", Version: "1.0", URI: "http://x/a"}},
		},
		"a byte order mark": {
			"\ufeff" + profileOf(software("a", "<URI>http://x/a</URI>")),
			[]Package{{Kind: Software, Type: "library", Name: "a", Version: "1.0", URI: "http://x/a"}},
		},
		"versions that are none, scopes, an attribute of the root": {
			strings.NewReplacer("<Version>1.0<", "<Version>[3.0.0]<", "<Resource>", `<Resource version="0.4.x">`,
				"<Profile>", "<Scopes><Scope>/gcube</Scope></Scopes><Profile>").Replace(
				profileOf(software("a", "<Type>plugin</Type><Files><File>a-${version}.jar</File></Files>"))),
			[]Package{{Kind: Software, Type: "plugin", Name: "a", Version: "[3.0.0]", Files: []string{"a-${version}.jar"}}},
		},
		"Maven coordinates": {
			profileOf(software("a", `<MavenCoordinates><groupId>org.gcube</groupId><artifactId>a</artifactId>
				<version>${version}</version></MavenCoordinates><Files><File>a.jar</File></Files>`)),
			[]Package{{
				Kind: Software, Type: "library", Name: "a", Version: "1.0", Files: []string{"a.jar"},
				Maven: &Maven{Group: "org.gcube", Artifact: "a", Version: "${version}"},
			}},
		},
		"a plugin, and scripts that are files too": {
			profileOf(`<Plugin><Name>p</Name><Version>1</Version><InstallScripts><File>i.sh</File></InstallScripts>
				<TargetService><Service><Class>C</Class><Name>N</Name></Service><Package>P</Package><Version>1</Version></TargetService>
				<Files><File>p.jar</File><File>i.sh</File></Files></Plugin>`),
			[]Package{{Kind: Plugin, Name: "p", Version: "1", Files: []string{"p.jar", "i.sh"}}},
		},
		"elements that nobody knows": {
			profileOf(software("a", "<Later><Than/>this</Later><Files><File>a</File></Files>")),
			[]Package{{Kind: Software, Type: "library", Name: "a", Version: "1.0", Files: []string{"a"}}},
		},
	} {
		profile := readText(t, c.text)
		if diff := cmp.Diff(c.want, profile.Packages, sameProfile); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
		var found problems
		profile.check(&found)
		if err := found.err(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestProfilesThatAreRefused(t *testing.T) {
	files := "<Files><File>a</File></Files>"
	for name, c := range map[string]struct{ text, want string }{
		"nothing":        {"", "profile.xml: holds no element Resource"},
		"no XML":         {"\x1f\x8b\x00", "profile.xml, line 1: not XML: "},
		"cut off":        {"<Resource>\n<Profile>", "profile.xml, line 2: not XML: unexpected EOF"},
		"another root":   {"<Project/>", `profile.xml, line 1: expected element type <Resource> but have <Project>`},
		"two roots":      {profileOf(software("a", files)) + "<Resource/>", "profile.xml: goes on after its element Resource"},
		"text behind":    {profileOf(software("a", files)) + "more", "profile.xml: goes on after its element Resource"},
		"wrongly nested": {"<Resource>\n<ID></Type></Resource>", "profile.xml, line 2: not XML: element <ID> closed by </Type>"},
		"an encoding":    {`<?xml version="1.0" encoding="UTF-16"?><Resource/>`, `encoding "UTF-16"`},
		"no packages":    {profileOf(""), "profile.xml: declares no packages"},
		"a wrong kind":   {profileOf("<Hardware><Name>a</Name></Hardware>"), "profile.xml: declares a package as Hardware; "},
		"no name":        {profileOf(software(" ", files)), "profile.xml: declares a package (Software) without a Name"},
		"one name twice": {profileOf(software("a", files) + software("a", files)), `profile.xml: declares two packages named "a"`},
		"a name that leads out": {
			profileOf(software("..", files)), `profile.xml: declares a package "..", which cannot be the name of a folder`,
		},
		"a name with a slash": {
			profileOf(software("a/b", files)), `profile.xml: declares a package "a/b", which cannot be the name of a folder`,
		},
		"the profile's name": {profileOf(software("profile.xml", files)), "which cannot be the name of a folder"},
		"a file outside": {
			profileOf(software("a", "<Files><File>../b/c</File></Files>")),
			`profile.xml: package a declares the file "../b/c", which is no path in its folder`,
		},
		"an absolute file": {
			profileOf(software("a", "<RebootScripts><File>/etc/passwd</File></RebootScripts>")), `declares the file "/etc/passwd"`,
		},
		"an entity": {
			`<!DOCTYPE Resource [` + "\n" + `<!ENTITY x SYSTEM "file:///etc/passwd">]><Resource><ID>&x;</ID></Resource>`,
			"profile.xml, line 2: declares entities, which svp does not expand",
		},
		"an unknown entity": {"<Resource><ID>&x;</ID></Resource>", "profile.xml, line 1: not XML: invalid character entity &x;"},
		"deep": {
			profileOf(software("a", files+strings.Repeat("<a>", 100000)+strings.Repeat("</a>", 100000))),
			"profile.xml, line 3: elements are nested deeper than 64",
		},
		"attributes": {
			"<Resource" + strings.Repeat(` a="b"`, maxAttributes+1) + "/>", "profile.xml, line 1: an element has more than 64 attributes",
		},
		"large": {profileOf("<!--" + strings.Repeat("x", MaxProfile) + "-->"), "profile.xml: larger than 1048576 bytes"},
	} {
		_, err := ReadProfile(strings.NewReader(c.text))
		var fault *Error
		if !errors.As(err, &fault) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v\nwant %s", name, err, c.want)
		}
	}
}

func TestRulesOfTheSchema(t *testing.T) {
	files := "<Files><File>a</File></Files>"
	for name, c := range map[string]struct{ text, want string }{
		"another type": {
			strings.Replace(profileOf(software("a", files)), "Service<", "Node<", 1), `its Type is "Node"; that of a Service Profile is Service`,
		},
		"no class": {strings.Replace(profileOf(software("a", files)), "Demo", " ", 1), "the service has no Class"},
		"no version of a package": {
			strings.Replace(profileOf(software("a", files)), "<Version>1.0</Version><Files>", "<Files>", 1), "package a: has no Version",
		},
		"a wrong level": {
			profileOf(software("a", `<Mandatory level="WORLD"/>`+files)),
			`package a: Mandatory level "WORLD" is none of NONE, GHN, VRE, VO`,
		},
		"a wrong type": {
			profileOf(software("a", "<Type>webapplication</Type>"+files)),
			`package a: Type "webapplication" is none of library, application, plugin`,
		},
		"a wrong operator": {
			profileOf(software("a", `<GHNRequirements><Requirement category="x" requirement="y" value="z" operator="like"/></GHNRequirements>`+files)),
			`package a: Requirement operator "like" is none of eq, `,
		},
		"neither files nor an address": {profileOf(software("a", "")), "package a: has to have either Files or a URI"},
		"both":                         {profileOf(software("a", files+"<URI>http://x</URI>")), "package a: has to have either Files or a URI"},
		"half a dependency": {
			profileOf(software("a", "<Dependencies><Dependency><Package>b</Package><Optional>maybe</Optional></Dependency></Dependencies>"+files)),
			"package a: a Dependency lacks the Class or Name of its Service, or its Package\n" +
				`profile.xml: package a: Dependency Optional "maybe" is none of true, false, 1, 0`,
		},
		"an empty Main": {
			profileOf("<Main><Name>m</Name><Version>1</Version></Main>"),
			"package m: has no GARArchive, which a Main package needs\nprofile.xml: package m: has no PortType, which a Main package needs",
		},
		"an empty Plugin": {
			profileOf("<Plugin><Name>p</Name><Version>1</Version></Plugin>"),
			"package p: has no TargetService, which a Plugin needs\nprofile.xml: package p: has no Files",
		},
		"Main at the end": {
			profileOf(software("a", files) + "<Main><Name>m</Name><Version>1</Version><GARArchive>m.gar</GARArchive><PortType/></Main>"),
			"package m: a Main stands first, and there is one at most",
		},
	} {
		var found problems
		readText(t, c.text).check(&found)
		if err := found.err(); err == nil || !strings.HasPrefix(err.Error(), "profile.xml: "+c.want) {
			t.Errorf("%s: %v\nwant %s", name, err, c.want)
		}
	}
}

func TestManyFaultsAreCounted(t *testing.T) {
	var found problems
	readText(t, profileOf(software("a", `<GHNRequirements>`+
		strings.Repeat(`<Requirement category="x" operator="like"/>`, 50)+`</GHNRequirements><URI>x</URI>`))).check(&found)
	err := found.err()
	if err == nil || strings.Count(err.Error(), "\n") != maxProblems || !strings.HasSuffix(err.Error(), "and 40 more faults") {
		t.Errorf("%v", err)
	}
}

func FuzzReadProfile(f *testing.F) {
	example, err := os.ReadFile("testdata/is-registry.xml")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(string(example))
	f.Add(profileOf(software("a", "<Files><File>../a</File></Files>")))
	f.Add("<!DOCTYPE xml [<!ENTITY x 'y'>]><Resource>&x;</Resource>")
	f.Add("\ufeff<Resource><Profile><Packages><Plugin/></Packages></Profile></Resource>")
	f.Fuzz(func(t *testing.T, text string) {
		profile, err := ReadProfile(strings.NewReader(text))
		var fault *Error
		if err != nil {
			if !errors.As(err, &fault) {
				t.Fatalf("an error of another kind: %v", err)
			}
			return
		}
		for _, declared := range profile.Packages {
			if declared.Name == "" || strings.ContainsAny(declared.Name, "/\\\x00") || declared.Name == ".." || declared.Name == "." {
				t.Errorf("a package is named %q", declared.Name)
			}
			for _, file := range declared.Files {
				if file == "" || strings.HasPrefix(file, "/") || file == ".." || strings.HasPrefix(file, "../") {
					t.Errorf("a file is named %q", file)
				}
			}
		}
		var found problems
		profile.check(&found)
		_ = found.err()
	})
}
