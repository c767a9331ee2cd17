package engine_test

import (
	"encoding/json"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"maps"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/servicepack/svp"

// importableByAll is the one package that every other may import, as one of the
// standard library's.
const importableByAll = "engine/lazyregexp"

// mayImport is the architecture: which packages of this module, and which others
// that matter, a package may import directly, beside importableByAll. A slash at the
// end of a name stands for everything below. CONTRIBUTING.md explains it.
var mayImport = map[string]struct{ own, never []string }{
	"engine/secrets":    {never: []string{"net/", "os/exec", "os"}},
	"engine/archive":    {never: []string{"net/", "os/exec", "path/filepath"}}, // of os, the Root only
	"engine/coordinate": {never: []string{"net/", "os", "os/exec"}},
	"engine/copkg": {
		own:   []string{"engine/archive", "engine/coordinate", "engine/pack"},
		never: []string{"net", "net/http", "os/exec", "github.com/urfave/", "log", "log/"},
	},
	"engine/ctxio":      {never: []string{"net/", "os", "os/exec"}},
	importableByAll:     {never: []string{"net/", "os", "os/exec"}},
	"engine/dependency": {own: []string{"engine/ctxio"}, never: []string{"os/exec", "github.com/docker/", "github.com/urfave/", "log", "log/"}},
	"engine/buildpack": {
		own: []string{"engine/archive", "engine/dependency"}, never: []string{"net", "net/", "github.com/docker/", "github.com/urfave/"},
	},
	"engine/signature": {never: []string{"net", "net/", "os", "os/exec"}},
	"engine/repository": {
		own:   []string{"engine/coordinate", "engine/ctxio", "engine/secrets", "engine/signature"},
		never: []string{"os/exec", "github.com/docker/", "github.com/urfave/"},
	},
	"engine/registry":              {never: []string{"os", "os/exec", "github.com/docker/", "github.com/urfave/"}},
	"engine/registry/registrytest": {never: []string{"os", "os/exec"}},
	"engine/packages": {
		own: []string{
			"engine/archive", "engine/coordinate", "engine/copkg", "engine/ctxio", "engine/dependency", "engine/pack", "engine/registry",
			"engine/repository", "engine/servicearchive", "engine/signature",
		},
		never: []string{"net", "net/", "os/exec", "github.com/docker/", "github.com/urfave/", "log", "log/"},
	},
	"engine/envvar": {own: []string{"engine/secrets"}, never: []string{"net/http", "os/exec"}},
	"engine/pack":   {own: []string{"engine/envvar"}, never: []string{"net", "net/"}},
	"engine/driver": {own: []string{"engine/envvar"}, never: []string{"github.com/docker/", "os", "os/exec"}},
	"engine/driver/docker": {
		own: []string{"engine/driver", "engine/envvar", "engine/archive"},
	},
	"engine/driver/drivertest": {own: []string{"engine/driver", "engine/archive"}, never: []string{"github.com/docker/"}},
	"engine/servicearchive":    {own: []string{"engine/archive", "engine/coordinate", "engine/pack"}, never: []string{"net/", "os/exec"}},
	"engine/lint": {
		own:   []string{"engine/envvar", "engine/pack", "engine/secrets"},
		never: []string{"net/http", "github.com/docker/", "github.com/urfave/", "log", "log/"},
	},
	"engine/packtest": {
		own:   []string{"engine", "engine/envvar", "engine/pack", "engine/secrets"},
		never: []string{"net", "net/http", "os", "os/exec", "github.com/urfave/", "log", "log/"},
	},
	"engine/scaffold": {own: []string{"engine/pack"}, never: []string{"net", "net/", "os/exec", "github.com/docker/", "github.com/urfave/"}},
	"engine/plan": {
		own:   []string{"engine/pack", "engine/driver", "engine/envvar"},
		never: []string{"os", "os/", "net", "net/http", "crypto/rand", "math/", "context"},
	},
	"engine": {
		own: []string{
			"engine/archive", "engine/dependency", "engine/driver", "engine/envvar", "engine/pack", "engine/plan",
			"engine/secrets",
		},
		never: []string{"net/http", "github.com/docker/", "github.com/urfave/", "log", "log/"},
	},
	"engine/broker": {
		own:   []string{"engine", "engine/envvar", "engine/broker/osb", "engine/broker/store", "engine/broker/dashboard"},
		never: []string{"github.com/docker/", "github.com/urfave/", "database/sql", "os/exec"},
	},
	"engine/broker/osb":             {never: []string{"os", "os/exec", "database/sql", "context"}},
	"engine/broker/store":           {never: []string{"net/http", "os/exec", "log", "log/", "github.com/urfave/", "github.com/docker/"}},
	"engine/broker/store/storetest": {own: []string{"engine/broker/store"}, never: []string{"net/http"}},
	"engine/broker/dashboard":       {never: []string{"os", "os/exec", "database/sql", "github.com/docker/"}},
	"packs":                         {},
	"cmd/svp":                       {own: []string{"cmd/svp/internal/cli"}, never: []string{"github.com/"}},
	"cmd/svp/internal/cli": {
		own: []string{
			"engine", "engine/driver", "engine/driver/docker", "engine/envvar", "engine/secrets", "packs",
			"engine/lint", "engine/packtest", "engine/scaffold", "engine/broker", "engine/broker/dashboard", "engine/broker/store",
			"engine/archive", "engine/buildpack", "engine/coordinate", "engine/copkg", "engine/ctxio", "engine/dependency", "engine/packages",
			"engine/registry", "engine/repository", "engine/servicearchive", "engine/signature",
		},
		never: []string{"github.com/docker/docker/"},
	},
	// A store that is filled or tested is opened as the broker opens it.
	"integration":          {own: []string{"integration/", "engine/broker/store", "engine/broker/store/storetest", "engine/broker/dashboard"}},
	"integration/svptest":  {own: []string{"packs"}},
	"integration/bench":    {own: []string{"engine/broker/store"}},
	"integration/oidctest": {},
	"integration/soak":     {own: []string{"integration/svptest"}},
	"examples/webapp":      {},
}

type listedPackage struct {
	ImportPath string
	Dir        string
	Imports    []string
	Doc        string
	GoFiles    []string
}

// modulePackages asks the go command, so that the test sees what is built.
func modulePackages(t *testing.T) []listedPackage {
	t.Helper()
	output, err := exec.CommandContext(t.Context(), "go", "list", "-json=ImportPath,Dir,Imports,Doc,GoFiles", module+"/...").Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			t.Fatalf("go list: %v\n%s", err, exit.Stderr)
		}
		t.Fatal(err)
	}
	var packages []listedPackage
	decoder := json.NewDecoder(strings.NewReader(string(output)))
	for {
		var listed listedPackage
		err := decoder.Decode(&listed)
		if errors.Is(err, io.EOF) {
			return packages
		}
		if err != nil {
			t.Fatal(err)
		}
		packages = append(packages, listed)
	}
}

func TestPackagesImportOnlyWhatTheArchitectureAllows(t *testing.T) {
	for _, listed := range modulePackages(t) {
		name := strings.TrimPrefix(listed.ImportPath, module+"/")
		rule, known := mayImport[name]
		if !known {
			t.Errorf("package %s is missing from the table of this test; the rows are: %v",
				name, slices.Sorted(maps.Keys(mayImport)))
			continue
		}
		for _, imported := range listed.Imports {
			if own, ok := strings.CutPrefix(imported, module+"/"); ok {
				if own != importableByAll && !matches(rule.own, own) {
					t.Errorf("%s imports %s of this module, which its row does not allow", name, own)
				}
				continue
			}
			if matches(rule.never, imported) {
				t.Errorf("%s imports %s, which its row forbids", name, imported)
			}
		}
	}
}

// matches tells whether the name is in the list; an entry that ends with a slash
// stands for everything below it.
func matches(list []string, name string) bool {
	return slices.ContainsFunc(list, func(entry string) bool {
		return entry == name || strings.HasSuffix(entry, "/") && strings.HasPrefix(name, entry)
	})
}

func TestOnlyOnePackageImportsEachFencedLibrary(t *testing.T) {
	fences := map[string][]string{
		"github.com/urfave/cli/v2":                  {"cmd/svp/internal/cli"},
		"github.com/docker/docker/client":           {"engine/driver/docker", "integration/svptest", "integration/bench", "integration"},
		"github.com/sethvargo/go-password/password": {"engine/secrets"},
		"modernc.org/sqlite":                        {"engine/broker/store"},
		"aead.dev/minisign":                         {"engine/signature"},
		"oras.land/oras-go/v2/registry/remote":      {"engine/registry"},
	}
	for _, listed := range modulePackages(t) {
		name := strings.TrimPrefix(listed.ImportPath, module+"/")
		for library, allowed := range fences {
			if slices.Contains(listed.Imports, library) && !slices.Contains(allowed, name) {
				t.Errorf("%s imports %s; only %v may", name, library, allowed)
			}
		}
	}
}

func TestEveryPackageSaysWhatItIsFor(t *testing.T) {
	for _, listed := range modulePackages(t) {
		if len(listed.GoFiles) > 0 && listed.Doc == "" {
			t.Errorf("package %s has no doc comment", listed.ImportPath)
		}
	}
}

// Go sets package variables before main: a regular expression among them would cost
// every command its compilation, svp version as well. And one that is compiled later
// must not be wrong then.
func TestRegularExpressionsOfPackagesAreLazyAndValid(t *testing.T) {
	valid := 0
	for _, listed := range modulePackages(t) {
		if strings.HasPrefix(listed.ImportPath, module+"/integration") {
			continue // no part of the program
		}
		for _, declared := range variablesOf(t, listed) {
			visitCalls(declared, func(function string, argument ast.Expr) {
				switch {
				case strings.HasPrefix(function, "regexp."):
					t.Errorf("%s compiles a regular expression when the program starts; lazyregexp.New does not", listed.ImportPath)
				case function == "lazyregexp.New":
					if _, err := regexp.Compile(literal(argument)); err != nil {
						t.Errorf("%s: %v", listed.ImportPath, err)
					}
					valid++
				}
			})
		}
	}
	if valid < 50 {
		t.Errorf("only %d regular expressions are found", valid)
	}
}

// variablesOf are the declarations of a package that are no functions.
func variablesOf(t *testing.T, listed listedPackage) []ast.Decl {
	t.Helper()
	var variables []ast.Decl
	for _, name := range listed.GoFiles {
		file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(listed.Dir, name), nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, declared := range file.Decls {
			if _, isFunction := declared.(*ast.FuncDecl); !isFunction {
				variables = append(variables, declared)
			}
		}
	}
	return variables
}

// visitCalls visits the calls of functions of other packages that are made when the
// declaration is: the function as it is written, and its first argument.
func visitCalls(declared ast.Node, visit func(function string, argument ast.Expr)) {
	ast.Inspect(declared, func(node ast.Node) bool {
		if call, ok := node.(*ast.CallExpr); ok && len(call.Args) > 0 {
			if selector, ok := call.Fun.(*ast.SelectorExpr); ok {
				if name, ok := selector.X.(*ast.Ident); ok {
					visit(name.Name+"."+selector.Sel.Name, call.Args[0])
				}
			}
		}
		_, isFunction := node.(*ast.FuncLit)
		return !isFunction
	})
}

// literal is the text of one or several string literals; of anything else, it is no
// regular expression.
func literal(expression ast.Expr) string {
	switch e := expression.(type) {
	case *ast.BasicLit:
		if text, err := strconv.Unquote(e.Value); err == nil {
			return text
		}
	case *ast.BinaryExpr:
		return literal(e.X) + literal(e.Y)
	}
	return "("
}
