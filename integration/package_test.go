package integration

import (
	"archive/zip"
	"crypto/sha256"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/servicepack/svp/integration/svptest"
)

// packagedService is a pack whose service keeps what its client writes.
var packagedService = map[string]string{
	"bin/query": query("version) echo 1 ;; secrets) echo TOKEN ;; volumes) echo /srv/data ;;" +
		" env) printf 'URL=keeper://app:%s@%%IP\\n' \"$TOKEN\" ;;")["bin/query"],
	"bin/build":  "#!/bin/sh\nmkdir -p /srv/data\n",
	"bin/run":    "#!/bin/sh\n" + idle,
	"bin/client": "#!/bin/sh\n[ $# = 0 ] || echo \"$*\" >>/srv/data/kept\ncat /srv/data/kept\n",
	"bin/health": "#!/bin/sh\n",
}

// packagedPack writes a packagedService that can be packaged, and returns its folder.
func packagedPack(t *testing.T, more map[string]string) string {
	t.Helper()
	files := maps.Clone(packagedService)
	maps.Copy(files, more)
	folder := writePack(t, files)
	manifest := fmt.Sprintf("group: org.example\nname: %s\nversion: 1.2.3\n", filepath.Base(folder))
	change(t, os.WriteFile(filepath.Join(folder, "servicepack.yaml"), []byte(manifest+more["servicepack.yaml"]), 0o644))
	return folder
}

// install makes a package of the pack and unpacks it as another program would.
func install(t *testing.T, pack string, flags ...string) string {
	t.Helper()
	made := svp(t, append([]string{"pack", "package", "-b", pack, "-o", t.TempDir()}, flags...)...)
	made.Require(t, 0)
	reader, err := zip.OpenReader(strings.TrimSpace(made.Stdout))
	change(t, err)
	defer reader.Close()
	folder := filepath.Join(t.TempDir(), "1.2.3")
	for _, file := range reader.File {
		target := filepath.Join(folder, filepath.FromSlash(file.Name))
		if file.Mode().IsDir() {
			change(t, os.MkdirAll(target, 0o755))
			continue
		}
		content, err := file.Open()
		change(t, err)
		whole, err := io.ReadAll(content)
		change(t, err)
		change(t, os.WriteFile(target, whole, file.Mode()))
	}
	return folder
}

// snapshot tells every change to a folder.
func snapshot(t *testing.T, folder string) []string {
	t.Helper()
	var lines []string
	change(t, filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err == nil {
			lines = append(lines, fmt.Sprint(path, " ", info.Mode(), " ", info.Size(), " ", info.ModTime().UnixNano()))
		}
		return err
	}))
	return lines
}

func TestPackIsTheSamePackInItsPackage(t *testing.T) {
	t.Parallel()
	dependency := filepath.Join(t.TempDir(), "data.txt")
	change(t, os.WriteFile(dependency, []byte("data\n"), 0o644))
	pack := packagedPack(t, map[string]string{
		"notes.md": "left out", "lib/notes.md": "left out", "etc/a": "a",
		"servicepack.yaml": "exclude: ['*.md']\ndependencies:\n  - uri: file://" + dependency +
			"\n    sha256: 6667b2d1aab6a00caa5aee5af8ad9f1465e567abf1c209d15727d57b3e8f6e5f\n",
	})
	tag := newName(t)
	var built struct{ Image, ID string }
	decode(t, svp(t, "build", "-b", pack, "-t", tag, "--json"), &built)
	for _, flags := range [][]string{nil, {"--cached"}} {
		installed := install(t, pack, flags...)
		if _, err := os.Stat(filepath.Join(installed, "lib", "notes.md")); err == nil {
			t.Error("what is excluded is in the package")
		}
		var again struct {
			ID     string
			Reused bool
		}
		decode(t, svp(t, "build", "-b", installed, "-t", tag+"-again", "--json"), &again)
		if !again.Reused || again.ID != built.ID {
			t.Errorf("the base image of the package %v is %+v, want the one of the folder, %s", flags, again, built.ID)
		}
	}
}

func TestPackageIsStartedAndStopped(t *testing.T) {
	t.Parallel()
	installed := install(t, packagedPack(t, nil))
	before := snapshot(t, installed)
	base := filepath.Join(t.TempDir(), "run time")
	env := append(suite.Environ(t), "COPKG_RUNTIME_BASE_DIR="+base)
	script := func(name string, arguments ...string) *program {
		return start(t, t.TempDir(), env, append([]string{filepath.Join(installed, "script.d", name)}, arguments...)...)
	}
	const coordinate = "--coordinate=1.idee.prod.ie"
	run := filepath.Join(base, "ie", "prod", "idee", "1")

	requireLine(t, script("stop.sh", coordinate).require(2), "stop.sh: not running")
	if _, err := os.Stat(base); err == nil {
		t.Error("stopping what does not run makes a folder")
	}
	started := script("start.sh", coordinate)
	output := started.require(0)
	name := strings.TrimSpace(readFile(t, filepath.Join(run, "run", "instance")))
	suite.DestroyAfter(t, name)
	if output != "" {
		t.Errorf("start.sh prints %q", output)
	}
	for _, folder := range []string{"", "logs", "data", "run", "etc"} {
		requireMode(t, filepath.Join(run, folder), 0o700)
	}
	requireMode(t, filepath.Join(run, "etc", "env"), 0o600)
	if got, want := readFile(t, filepath.Join(run, "etc", "env")), svp(t, "env", name).Stdout; got != want || !strings.Contains(got, "TOKEN=") {
		t.Errorf("etc/env has\n%swant\n%s", got, want)
	}

	requireLine(t, script("start.sh", coordinate).require(2), "start.sh: running already, as the instance "+name)
	svp(t, "client", name, "--", "remember").Require(t, 0)
	// The other way to name the same place.
	if output := script("stop.sh", "--run="+run+"//").require(0); output != "" {
		t.Errorf("stop.sh prints %q", output)
	}
	if state := standingOf(t, name).State; state != "down" {
		t.Errorf("stopped, the instance is %s", state)
	}
	requireLine(t, script("stop.sh", coordinate).require(2), "stop.sh: not running")
	script("start.sh", "--run="+run).require(0)
	if got := svp(t, "client", name).Stdout; got != "remember\n" {
		t.Errorf("started again, the service has %q", got)
	}
	if diff := cmp.Diff(before, snapshot(t, installed)); diff != "" {
		t.Errorf("the installed package has changed (-before +after):\n%s", diff)
	}
}

func TestPackageScriptsRefuse(t *testing.T) {
	t.Parallel()
	installed := install(t, packagedPack(t, nil))
	before := snapshot(t, installed)
	folder := t.TempDir()
	moved := filepath.Join(folder, "moved")
	change(t, os.MkdirAll(filepath.Join(moved, "run"), 0o700))
	change(t, os.WriteFile(filepath.Join(moved, "run", "instance"), []byte("copkg-other\n"), 0o600))
	change(t, os.WriteFile(filepath.Join(folder, "file"), nil, 0o600))
	untouched := snapshot(t, folder)
	tests := []struct {
		name      string
		arguments []string
		env       string
		status    int
		want      string
	}{
		{"nothing", nil, "", 1, "exactly one of --run=DIR and --coordinate=INSTANCE.SERVICE.USER.CELL is needed"},
		{"both", []string{"--run=" + folder, "--coordinate=1.a.b.c"}, "", 1, "exactly one of"},
		{"something else", []string{"--restart"}, "", 1, "unknown argument --restart"},
		{"no folder", []string{"--run="}, "", 1, "--run names no folder"},
		{"the root", []string{"--run=/"}, "", 1, "the folder / is for no instance"},
		{"a file", []string{"--run=" + folder + "/file/x"}, "", 1, "not a folder: "},
		{"a control character", []string{"--run=" + folder + "/a\nb"}, "", 1, "the name of the folder holds a control character"},
		{"the package", []string{"--run=" + installed}, "", 1, "is in the package, which is never written to"},
		{"a folder in it", []string{"--run=" + filepath.Join(installed, "new", "one")}, "", 1, "is in the package, which is never written to"},
		{"a folder that was moved", []string{"--run=" + moved}, "", 1, "was moved here or copied: its instance is copkg-other"},
		{"three parts", []string{"--coordinate=1.idee.prod"}, "", 1, "not a coordinate such as 1.idee.prod.ie: 1.idee.prod"},
		{"five parts", []string{"--coordinate=1.idee.prod.ie.x"}, "", 1, "not a coordinate"},
		{"no number", []string{"--coordinate=a.idee.prod.ie"}, "", 1, "not a coordinate"},
		{"capitals", []string{"--coordinate=1.Idee.prod.ie"}, "", 1, "not a coordinate"},
		{"a path", []string{"--coordinate=1.../.../x.ie"}, "", 1, "not a coordinate"},
		{"two lines", []string{"--coordinate=1.a.b.c\n1.a.b.c"}, "", 1, "not a coordinate"},
		{"no svp", []string{"--run=" + folder + "/new"}, "SVP=" + folder + "/absent", 3, "absent is not found; install svp, or name it with SVP"},
		{"no Docker", []string{"--run=" + folder + "/new"}, "DOCKER_HOST=unix://" + folder + "/none.sock", 3, "svp info failed with status 7: "},
	}
	for _, test := range tests {
		for _, script := range []string{"start.sh", "stop.sh"} {
			env := append(suite.Environ(t), "COPKG_RUNTIME_BASE_DIR="+folder)
			if test.env != "" {
				env = append(env, test.env)
			}
			refused := start(t, folder, env, append([]string{filepath.Join(installed, "script.d", script)}, test.arguments...)...)
			if got := refused.wait(); got != test.status {
				t.Errorf("%s of %s: status %d, want %d", script, test.name, got, test.status)
			}
			requireLine(t, strings.ReplaceAll(refused.output.String(), "\n1.a", " 1.a"), script+": ")
			if !strings.Contains(refused.output.String(), test.want) {
				t.Errorf("%s of %s: %q, want %q", script, test.name, refused.output, test.want)
			}
		}
	}
	if diff := cmp.Diff(untouched, snapshot(t, folder)); diff != "" {
		t.Errorf("something was made (-before +after):\n%s", diff)
	}
	if diff := cmp.Diff(before, snapshot(t, installed)); diff != "" {
		t.Errorf("the installed package has changed (-before +after):\n%s", diff)
	}
}

func TestPackageThatDoesNotStartSaysWhy(t *testing.T) {
	t.Parallel()
	installed := install(t, packagedPack(t, map[string]string{"bin/run": "#!/bin/sh\nexit 3\n"}))
	run := filepath.Join(t.TempDir(), "new", "run")
	failed := start(t, t.TempDir(), suite.Environ(t), filepath.Join(installed, "script.d", "start.sh"), "--run="+run)
	status := failed.wait()
	suite.DestroyAfter(t, strings.TrimSpace(readFile(t, filepath.Join(run, "run", "instance"))))
	if status != 3 {
		t.Errorf("status %d, want 3", status)
	}
	requireLine(t, failed.output.String(), "start.sh: svp up failed with status 1: ")
	left, err := os.ReadDir(filepath.Join(run, "etc"))
	if err != nil || len(left) != 0 {
		t.Errorf("etc holds %v, %v", left, err)
	}
	if log := readFile(t, filepath.Join(run, "logs", "start.log")); !strings.Contains(log, "svp: ") {
		t.Errorf("the log has %q", log)
	}
}

// TestInterruptedPackagingLeavesNothing packages a file that takes a while.
func TestInterruptedPackagingLeavesNothing(t *testing.T) {
	t.Parallel()
	large := filepath.Join(t.TempDir(), "large")
	change(t, os.WriteFile(large, nil, 0o644))
	change(t, os.Truncate(large, 300<<20))
	file, err := os.Open(large)
	change(t, err)
	defer file.Close()
	sum := sha256.New()
	_, err = io.Copy(sum, file)
	change(t, err)
	pack := packagedPack(t, map[string]string{
		"servicepack.yaml": fmt.Sprintf("dependencies:\n  - uri: file://%s\n    sha256: %x\n", large, sum.Sum(nil)),
	})
	out := t.TempDir()
	packaging := svptest.Call{Args: []string{"pack", "package", "-b", pack, "--cached", "-o", out}}
	for _, signal := range []syscall.Signal{syscall.SIGINT, syscall.SIGKILL} {
		process := suite.Start(t, packaging)
		eventually(t, time.Minute, "a file is being written", func() bool {
			names, err := os.ReadDir(out)
			return err == nil && len(names) > 0
		})
		process.Signal(signal)
		result := process.Wait()
		names, err := filepath.Glob(filepath.Join(out, "*.zip"))
		if err != nil || len(names) != 0 || result.Stdout != "" {
			t.Errorf("after %v there are %v, %v: %s", signal, names, err, result)
		}
		if signal == syscall.SIGINT {
			result.Require(t, 130)
			if left, err := os.ReadDir(out); err != nil || len(left) != 0 {
				t.Errorf("after an interruption there are %v, %v", left, err)
			}
		}
	}
	svpCall(t, packaging).Require(t, 0)
	left, err := os.ReadDir(out)
	if err != nil || len(left) != 1 || left[0].Name() != filepath.Base(pack)+"-1.2.3-copkg.zip" {
		t.Errorf("the next command leaves %v, %v", left, err)
	}
}

// requireLine checks that something said one line that begins so.
func requireLine(t *testing.T, output, beginning string) {
	t.Helper()
	if !strings.HasPrefix(output, beginning) || strings.Count(output, "\n") != 1 {
		t.Errorf("said %q, want one line that begins with %q", output, beginning)
	}
}

func requireMode(t *testing.T, path string, want fs.FileMode) {
	t.Helper()
	info, err := os.Stat(path)
	change(t, err)
	if info.Mode().Perm() != want {
		t.Errorf("%s has the mode %v, want %v", path, info.Mode().Perm(), want)
	}
}

func readFile(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	change(t, err)
	return string(content)
}
