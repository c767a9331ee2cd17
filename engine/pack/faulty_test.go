package pack_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/servicepack/svp/engine/pack"
)

func TestFaultyPackTellsAllOfItsFaults(t *testing.T) {
	dir := newPack(t, "#!/bin/sh\ncase $1 in\nos) echo Debian ;;\nports) echo 80; echo http ;;\nshm) echo 1m ;;\nesac\n", map[string]string{
		"bin/health": "exit 0\n",
		"servicepack.yaml": "name: demo\nversion: '-1'\nplans:\n  - name: Small\n" +
			"catalog:\n  support_url: mailto:me\n",
	})
	check(t, os.Chmod(filepath.Join(dir, "bin", "build"), 0o644))
	check(t, os.Symlink("/etc/passwd", filepath.Join(dir, "passwd")))

	d, faults, err := pack.OpenFaulty(dir)
	check(t, err)
	_, wrong, err := d.DescribeFaulty(t.Context())
	check(t, err)
	var got []string
	for _, fault := range append(faults, wrong...) {
		got = append(got, fmt.Sprintf("%s %s %d:%d", fault.File, fault.Key, fault.Line, fault.Column))
	}
	want := []string{
		"bin/build  0:0", "bin/health  0:0", "passwd  0:0",
		"servicepack.yaml version 2:10", "servicepack.yaml plans[0].name 4:11", "servicepack.yaml catalog.support_url 6:16",
		"bin/query os 0:0", "bin/query ports 2:0",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the faults differ (-want +got):\n%s", diff)
	}
	if _, err := pack.Open(dir); err == nil || err.Error() != faults[0].Error() {
		t.Errorf("Open reports %v, want the first fault, %v", err, faults[0])
	}
	for _, file := range d.Files() {
		if file.Path == "passwd" {
			t.Error("a file at fault is one of the pack's")
		}
	}
}

func TestEveryUnknownFieldIsTold(t *testing.T) {
	dir := newPack(t, "#!/bin/sh\n", map[string]string{"servicepack.yaml": "title: x\nplans:\n  - name: a\n    price: 1\n  - name: [b]\n  - name: C\n"})
	_, faults, err := pack.OpenFaulty(dir)
	check(t, err)
	var got []string
	for _, fault := range faults {
		got = append(got, fmt.Sprintf("%d:%d %s", fault.Line, fault.Column, fault.Reason))
	}
	want := []string{
		`1:1 unknown field "title"`, `4:5 unknown field "price"`, "5:5 a single value is expected here",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the faults differ (-want +got):\n%s", diff)
	}
}

func TestNoFaultyPackWithoutAFolder(t *testing.T) {
	if _, _, err := pack.OpenFaulty(filepath.Join(t.TempDir(), "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the error is %v", err)
	}
}
