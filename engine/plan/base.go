package plan

import (
	"github.com/servicepack/svp/engine/driver"
)

// BaseInput is what the plan of a base image depends on.
type BaseInput struct {
	Service   Service
	OSImage   driver.Image
	Existing  []driver.Image // the base images that there are
	Tag       string         // the reference that the user wants; may be empty
	NoCache   bool
	CAVolume  string // a volume with certificate authorities; may be empty
	Operation Operation
	// Dependencies tells that there are files for the build, which are to come with
	// a volume.
	Dependencies bool
	Offline      bool // the build has no network
}

// Base is what is to be done so that there is a base image.
type Base struct {
	// Reuse is the id of an image that is just that already; empty means that
	// one is to be built.
	Reuse string
	// References are the names that the image is to have.
	References  []string
	CacheVolume string
	CacheLabels driver.Labels
	// DependencyVolume is to hold the files for the build; empty: there are none.
	DependencyVolume string
	DependencyLabels driver.Labels
	Container        driver.ContainerSpec
	Commit           driver.CommitSpec
}

// PlanBase decides whether a base image is to be built, and how. An image made
// from the same pack contents on the same OS image is reused.
func PlanBase(in BaseInput) (Base, error) {
	own := BaseReference(in.Service.Pack, in.Service.Digest, in.OSImage.ID)
	base := Base{References: []string{own}}
	if in.Tag != "" {
		base.References = []string{in.Tag, own}
	}
	if !in.NoCache {
		base.Reuse = reusable(in)
	}
	if base.Reuse != "" {
		return base, nil
	}
	labels, err := in.Service.imageLabels()
	if err != nil {
		return Base{}, err
	}
	labels = labels.With(driver.Labels{
		driver.LabelPhase: driver.PhaseBase, driver.LabelOSImage: in.OSImage.ID,
	}).With(in.Operation.Labels())
	base.CacheVolume = CacheVolumeName(in.Service.Pack)
	base.CacheLabels = driver.Labels{driver.LabelPack: in.Service.Pack, driver.LabelPhase: driver.PhaseCache}
	variables := append([]string{"SVP_PHASE=base", "SVP_CACHE_DIR=" + CacheDir}, in.Service.Variables()...)
	mounts := []driver.Mount{{Volume: base.CacheVolume, Path: CacheDir, Labels: base.CacheLabels}}
	if in.CAVolume != "" {
		variables = append(variables, caVariables()...)
		mounts = append(mounts, driver.Mount{Volume: in.CAVolume, Path: CADir})
	}
	if in.Dependencies {
		base.DependencyVolume, base.DependencyLabels = DependencyVolumeName(in.Operation.ID), in.scratchLabels()
		variables = append(variables, "SVP_DEPENDENCIES="+DependencyDir)
		mounts = append(mounts, driver.Mount{
			Volume: base.DependencyVolume, Path: DependencyDir, ReadOnly: true, Labels: base.DependencyLabels,
		})
	}
	base.Container = driver.ContainerSpec{
		Name: buildContainerName(own), Image: in.OSImage.ID,
		Entrypoint: withVariables(variables), Command: []string{script("build"), "base"},
		WorkingDir: ServiceDir, Mounts: mounts, Network: driver.NetworkSpec{None: in.Offline},
		Labels: labels.With(driver.Labels{driver.LabelRole: driver.RoleBuild}),
	}
	base.Commit = commitSpec(in.Service, labels, base.References[0])
	return base, nil
}

// scratchLabels are those of what is of use to one operation alone.
func (in BaseInput) scratchLabels() driver.Labels {
	return in.Operation.Labels().With(driver.Labels{
		driver.LabelPack: in.Service.Pack, driver.LabelPhase: driver.PhaseBase, driver.LabelRole: driver.RoleScratch,
	})
}

// PlanFiller is a container that never runs: through it, the volume gets its
// files, which those who mount it can only read.
func PlanFiller(base Base) driver.ContainerSpec {
	return driver.ContainerSpec{
		Image: base.Container.Image, Entrypoint: []string{"/bin/false"},
		Mounts:  []driver.Mount{{Volume: base.DependencyVolume, Path: DependencyDir, Labels: base.DependencyLabels}},
		Network: driver.NetworkSpec{None: true}, Labels: base.DependencyLabels,
	}
}

func reusable(in BaseInput) string {
	want := driver.Labels{
		driver.LabelPhase: driver.PhaseBase, driver.LabelPack: in.Service.Pack,
		driver.LabelPackDigest: in.Service.Digest, driver.LabelOSImage: in.OSImage.ID,
	}
	for _, image := range in.Existing {
		if image.Labels.Has(want) {
			return image.ID
		}
	}
	return ""
}

// commitSpec is how an image of a pack is run: with the instance's environment,
// through bin/run.
func commitSpec(service Service, labels driver.Labels, reference string) driver.CommitSpec {
	return driver.CommitSpec{
		Reference: reference, Comment: "made by svp",
		Entrypoint: ScriptCommand(), Command: []string{script("run")},
		WorkingDir: ServiceDir, Expose: service.Ports,
		// Otherwise the host gives the image the role of the container.
		Labels: labels.With(driver.Labels{driver.LabelRole: driver.RoleImage}),
	}
}
