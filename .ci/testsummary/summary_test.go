package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestSummary runs `go test` on small modules, so that it notices when the events of a Go release change.
func TestSummary(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		files   map[string]string
		args    []string
		passed  bool
		closing string
		shows   []string
		hides   []string
	}{
		"leaf tests are counted, groups are not": {
			files: map[string]string{"a_test.go": `package a
				import "testing"
				func TestAlone(t *testing.T) { t.Log("talks when all is well") }
				func TestGroup(t *testing.T) {
					t.Run("one", func(t *testing.T) {})
					t.Run("two/with slash", func(t *testing.T) {})
				}`},
			passed:  true,
			closing: "3 passed, 0 failed",
			shows:   []string{"ok   example.test/m (3 tests"},
			hides:   []string{"talks when all is well"},
		},
		"a failing subtest counts once, with its whole output": {
			files: map[string]string{"a_test.go": `package a
				import ("os"; "testing")
				func TestGroup(t *testing.T) {
					t.Run("good", func(t *testing.T) {})
					t.Run("bad", func(t *testing.T) { os.Stdout.WriteString("100%d sure\n"); t.Error("expected this") })
				}`},
			closing: "1 passed, 1 failed",
			shows:   []string{"100%d sure", "expected this", "example.test/m TestGroup/bad"},
		},
		"a group that fails by itself counts": {
			files: map[string]string{"a_test.go": `package a
				import "testing"
				func TestGroup(t *testing.T) {
					t.Run("good", func(t *testing.T) {})
					t.Error("the group's own failure")
				}`},
			closing: "1 passed, 1 failed",
			shows:   []string{"the group's own failure"},
		},
		"a skipped test is a failure": {
			files: map[string]string{"a_test.go": `package a
				import "testing"
				func TestRuns(t *testing.T) {}
				func TestSkips(t *testing.T) { t.Skip("no Docker here") }`},
			closing: "1 passed, 1 failed",
			shows:   []string{"SKIPPED", "no Docker here"},
		},
		"a package that does not build is a failure": {
			files: map[string]string{
				"good/a_test.go": "package good\nimport \"testing\"\nfunc TestRuns(t *testing.T) {}",
				"bad/a_test.go":  "package bad\nimport \"testing\"\nfunc TestRuns(t *testing.T) { undefinedName() }",
			},
			closing: "1 passed, 1 failed",
			shows:   []string{"undefined: undefinedName", "FAIL example.test/m/bad"},
		},
		"a panic is shown with its test": {
			files: map[string]string{"a_test.go": `package a
				import "testing"
				func TestRuns(t *testing.T) {}
				func TestPanics(t *testing.T) { panic("out of luck") }`},
			closing: "1 passed, 1 failed",
			shows:   []string{"out of luck", "TestPanics"},
		},
		"a test that takes too long is named": {
			files: map[string]string{"a_test.go": `package a
				import "testing"
				func TestGroup(t *testing.T) { t.Run("hangs", func(t *testing.T) { select {} }) }
				func TestKeepsRuntimeBusy(t *testing.T) {}`},
			args:    []string{"-timeout=200ms"},
			closing: "0 passed, 1 failed",
			shows:   []string{"TestGroup/hangs"},
		},
		"a process that exits early is a failure": {
			files: map[string]string{"a_test.go": `package a
				import ("os"; "testing")
				func TestMain(m *testing.M) { m.Run(); os.Exit(3) }
				func TestRuns(t *testing.T) {}`},
			closing: "1 passed, 1 failed",
			shows:   []string{"FAIL example.test/m"},
		},
		"no test at all is a failure": {
			files:   map[string]string{"a.go": "package a"},
			closing: "0 passed, 1 failed",
			shows:   []string{"no test ran"},
		},
		"a wrong argument is a failure": {
			files:   map[string]string{"a.go": "package a"},
			args:    []string{"-race=perhaps"},
			closing: "0 passed, 1 failed",
			shows:   []string{"exit status 2"},
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := module(t, tc.files)
			var out, complaints bytes.Buffer
			passed := run(t.Context(), dir, append(tc.args, "./..."), &out, &complaints)
			if passed != tc.passed {
				t.Errorf("passed = %v, want %v", passed, tc.passed)
			}
			lines := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
			if closing := lines[len(lines)-1]; closing != tc.closing {
				t.Errorf("closing line = %q, want %q", closing, tc.closing)
			}
			for _, want := range tc.shows {
				if !strings.Contains(out.String(), want) {
					t.Errorf("output lacks %q", want)
				}
			}
			for _, unwanted := range tc.hides {
				if strings.Contains(out.String(), unwanted) {
					t.Errorf("output has %q", unwanted)
				}
			}
			if t.Failed() {
				t.Logf("output:\n%s\nstderr:\n%s", out.String(), complaints.String())
			}
		})
	}
}

// TestInterrupt shows that the tests themselves hear of an interrupt, and that it does not pass for success.
func TestInterrupt(t *testing.T) {
	t.Parallel()
	dir := module(t, map[string]string{"a_test.go": `package a
		import ("fmt"; "os"; "os/signal"; "testing")
		func TestWaits(t *testing.T) {
			interrupted := make(chan os.Signal, 1)
			signal.Notify(interrupted, os.Interrupt)
			if err := os.WriteFile("running", nil, 0o600); err != nil { t.Fatal(err) }
			<-interrupted
			fmt.Println("cleaned up")
			os.Exit(1)
		}`})
	ctx, interrupt := context.WithCancel(t.Context())
	var out, complaints bytes.Buffer
	done := make(chan bool, 1)
	go func() { done <- run(ctx, dir, []string{"./..."}, &out, &complaints) }()

	waitForFile(t, filepath.Join(dir, "running"))
	interrupt()
	if <-done {
		t.Error("an interrupted run passed")
	}
	for _, want := range []string{"cleaned up", "TestWaits", "0 passed, 1 failed\n"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("output lacks %q:\n%s", want, out.String())
		}
	}
}

func module(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	files["go.mod"] = "module example.test/m\n\ngo 1.25\n"
	for name, content := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func waitForFile(t *testing.T, path string) {
	t.Helper()
	poll := time.NewTicker(10 * time.Millisecond)
	defer poll.Stop()
	deadline := time.After(2 * time.Minute)
	for {
		if _, err := os.Stat(path); err == nil {
			return
		}
		select {
		case <-poll.C:
		case <-deadline:
			t.Fatalf("%s was not made in time", path)
		}
	}
}
