// Package scaffold writes new packs. What it writes works from the first moment,
// with a small service in place of the real one, and says where its author has to
// decide.
//
// The pack tinykv in this package is the template, and a pack like any other: it can
// be linted, tested and run. Its name is replaced.
package scaffold

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/servicepack/svp/engine/lazyregexp"
	"github.com/servicepack/svp/engine/pack"
)

//go:embed all:tinykv
var template embed.FS

const (
	templateName     = "tinykv"
	templateVariable = "TINYKV"
	templateOS       = "debian/12"
	firstPort        = 7000
)

// Options say what the pack is like.
type Options struct {
	Name string
	// OS is what the pack builds on, as debian/12; empty means that.
	OS string
	// Components are its processes; without any it has one, unnamed.
	Components []string
	// Package is a Debian package to be installed; it may be empty.
	Package string
}

// systems are the operating systems whose images have what the template needs: bash,
// perl, setpriv and apt-get.
var systems = []string{"debian", "ubuntu"}

// packagePattern is what Debian packages are called (Debian Policy, section 5.6.7).
var packagePattern = lazyregexp.New(`^[a-z0-9][a-z0-9+.-]+$`)

// Check tells what is wrong with the options.
func (o Options) Check() error {
	if err := pack.CheckName(o.Name); err != nil {
		return err
	}
	if o.OS != "" {
		system, err := pack.ParseOS(o.OS)
		if err != nil {
			return err
		}
		if !slices.Contains(systems, system.Name) {
			return fmt.Errorf("there is no template for %s; there are those for %s", system.Name, strings.Join(systems, " and "))
		}
	}
	for i, component := range o.Components {
		if err := pack.CheckComponent(component); err != nil {
			return err
		}
		if slices.Contains(o.Components[:i], component) {
			return fmt.Errorf("the component %q is named twice", component)
		}
	}
	if o.Package != "" && !packagePattern().MatchString(o.Package) {
		return fmt.Errorf("%q is not the name of a Debian package", o.Package)
	}
	return nil
}

// Write writes the files of the pack into an empty folder.
func Write(root *os.Root, o Options) error {
	if err := o.Check(); err != nil {
		return err
	}
	edited, err := o.edit()
	if err != nil {
		return err
	}
	return fs.WalkDir(template, templateName, func(name string, entry fs.DirEntry, err error) error {
		if err != nil || name == templateName {
			return err
		}
		file := strings.TrimPrefix(name, templateName+"/")
		if entry.IsDir() {
			return root.Mkdir(file, 0o755)
		}
		content, err := template.ReadFile(name)
		if err != nil {
			return err
		}
		if text, ok := edited[file]; ok {
			content = []byte(text)
		}
		return writeFile(root, file, o.rename(string(content)))
	})
}

// writeFile writes a file, executable where it begins as a script does.
func writeFile(root *os.Root, name, content string) error {
	mode := fs.FileMode(0o644)
	if strings.HasPrefix(content, "#!") {
		mode = 0o755
	}
	file, err := root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	_, err = file.WriteString(content)
	// The user's umask is not the pack's.
	return errors.Join(err, file.Chmod(mode), file.Close())
}

// rename puts the pack's name in the place of the template's.
func (o Options) rename(text string) string {
	return strings.NewReplacer(templateName, o.Name, templateVariable, Variable(o.Name)).Replace(text)
}

var notInVariable = lazyregexp.New(`[^A-Z0-9]+`)

// Variable is how the variables of a pack of that name begin. It is none that the
// engine keeps for itself.
func Variable(name string) string {
	variable := strings.Trim(notInVariable().ReplaceAllString(strings.ToUpper(name), "_"), "_")
	first, _, _ := strings.Cut(variable, "_")
	if first == "SVP" || first == "PLAN" || first == "OLD" || first == "" || first[0] <= '9' {
		return "PACK_" + variable
	}
	return variable
}

// edit returns the files of the template that the options change.
func (o Options) edit() (map[string]string, error) {
	e := editor{files: map[string]string{}}
	if o.OS != "" {
		e.replace("bin/query", templateOS, o.OS)
	}
	if len(o.Components) > 0 {
		e.components(o.Components)
	}
	if o.Package != "" {
		e.install(o.Package)
	}
	return e.files, e.err
}

// editor changes texts of the template.
type editor struct {
	files map[string]string
	err   error
}

// replace replaces what stands in a file once.
func (e *editor) replace(file, before, after string) {
	text, ok := e.files[file]
	if !ok {
		content, err := template.ReadFile(path.Join(templateName, file))
		e.err = errors.Join(e.err, err)
		text = string(content)
	}
	if strings.Count(text, before) != 1 {
		e.err = errors.Join(e.err, fmt.Errorf("the template's %s does not have %q once", file, before))
	}
	e.files[file] = strings.Replace(text, before, after, 1)
}

// components gives each component a port and a branch.
func (e *editor) components(names []string) {
	var ports, run, health []string
	for i, name := range names {
		port := fmt.Sprint(firstPort + i)
		ports = append(ports, port)
		run = append(run, fmt.Sprintf("    %s) serve %s ;;\n", name, port))
		health = append(health, fmt.Sprintf("    %s) port=%s ;;\n", name, port))
	}
	e.replace("bin/query", "    ports) echo 7000 ;;\n",
		"    ports) printf '%s\\n' "+strings.Join(ports, " ")+" ;;\n"+
			"    # Its processes: each has a container, and is started as bin/run NAME. They share the\n"+
			"    # network, so that they reach each other on localhost, and the volumes.\n"+
			"    components) printf '%s\\n' "+strings.Join(names, " ")+" ;;\n")
	e.replace("bin/run", "# run: the service,", "# run COMPONENT: a process of the service,")
	e.replace("bin/run", "\nserve 7000\n", fmt.Sprintf("\ncase ${1-} in\n%s    *)\n        echo \"run: unknown component '${1-}'; use %s\" >&2\n        exit 2\n        ;;\nesac\n",
		strings.Join(run, ""), alternatives(names)))
	e.replace("bin/health", "# health: 0 when the service", "# health COMPONENT: 0 when that process")
	e.replace("bin/health", "port=7000\n", fmt.Sprintf("case ${1:-%s} in\n%s    *) exit 2 ;;\nesac\n", names[0], strings.Join(health, "")))
	e.replace("README.md", "| port | 7000 |", "| components | `"+strings.Join(names, "`, `")+"` |\n| ports | "+strings.Join(ports, ", ")+" |")
}

func alternatives(names []string) string {
	if len(names) == 1 {
		return names[0]
	}
	return strings.Join(names[:len(names)-1], ", ") + " or " + names[len(names)-1]
}

// install installs a package, and shows what came with it.
func (e *editor) install(name string) {
	e.replace("bin/build", `    # DECIDE: what has to be installed. Debian packages are installed like this:
    #     . lib/packages.sh
    #     prepare_packages
    #     install_packages NAME…
    #     clean_packages
`, "    . lib/packages.sh\n    prepare_packages\n    install_packages "+name+"\n    clean_packages\n    show_package "+name+"\n")
	e.replace("bin/build", "# DECIDE: what depends on the instance", `# show_package NAME prints what a package brought, for the author of bin/run: its
# programs, its configuration, and how systemd would start it.
# DECIDE: remove it when bin/run is written.
show_package() {
    local files
    files=$(dpkg --listfiles "$1")
    echo "$1 $(dpkg-query --show --showformat='${Version}' "$1"):"
    grep -E '^(/usr)?/s?bin/.|^/etc/.|[.]service$' <<< "$files" || true
    grep -E '[.]service$' <<< "$files" | xargs -r grep -hE '^(ExecStart|User|Environment|EnvironmentFile)=' || true
}

# DECIDE: what depends on the instance`)
	e.replace("bin/run", "# DECIDE: start your service here,", "# DECIDE: start "+name+" here (svp build shows what came with it),")
	e.replace("servicepack.yaml", "description: tinykv, a service", "description: "+name+" of Debian, a service")
	e.replace("README.md", "1. `bin/build base` installs it.", "1. `bin/build base` installs "+name+".")
}
