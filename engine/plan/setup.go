package plan

import (
	"path"
	"strings"

	"github.com/servicepack/svp/engine/driver"
)

// SetupInput is what the plan of an instance image depends on.
type SetupInput struct {
	Service   Service
	Base      driver.Image
	Instance  string // the name that the scripts see
	Tag       string // may be empty
	CAVolume  string
	Operation Operation
}

// Setup is what is to be done so that there is an instance image.
type Setup struct {
	// Container waits for its files: see Delivery.
	Container   driver.ContainerSpec
	CacheVolume string
	CacheLabels driver.Labels
	Commit      driver.CommitSpec
}

// PlanSetup decides how an instance image is made in a container of its own.
func PlanSetup(in SetupInput) (Setup, error) {
	labels, err := in.Service.imageLabels()
	if err != nil {
		return Setup{}, err
	}
	labels = labels.With(driver.Labels{
		driver.LabelPhase: driver.PhaseInstance, driver.LabelBaseImage: in.Base.ID,
	}).With(in.Operation.Labels())
	cache := CacheVolumeName(in.Service.Pack)
	cacheLabels := driver.Labels{driver.LabelPack: in.Service.Pack, driver.LabelPhase: driver.PhaseCache}
	mounts := []driver.Mount{{Volume: cache, Path: CacheDir, Labels: cacheLabels}}
	variables := setupVariables(in.Service, in.Instance)
	if in.CAVolume != "" {
		variables = append(variables, caVariables()...)
		mounts = append(mounts, driver.Mount{Volume: in.CAVolume, Path: CADir})
	}
	command := receiving(ScriptCommand(withVariables(variables, script("build"), "setup")...)...)
	return Setup{
		CacheVolume: cache,
		CacheLabels: cacheLabels,
		Container: driver.ContainerSpec{
			Name: containerPrefix + "setup-" + in.Operation.ID, Image: in.Base.ID,
			Entrypoint: command[:1], Command: command[1:], Input: true,
			WorkingDir: ServiceDir, Mounts: mounts, Limits: driver.Limits{ShmBytes: in.Service.Limits.ShmBytes},
			Labels: labels.With(driver.Labels{driver.LabelRole: driver.RoleSetup}),
		},
		Commit: commitSpec(in.Service, labels, in.Tag),
	}, nil
}

func setupVariables(service Service, instance string) []string {
	return append([]string{
		"SVP_PHASE=setup", "SVP_INSTANCE=" + instance, "SVP_CACHE_DIR=" + CacheDir,
	}, service.Variables()...)
}

// InstanceOfReference names an instance after its image: "shop/db:2" is db.
func InstanceOfReference(reference string) string {
	name, _, _ := strings.Cut(path.Base(reference), ":")
	return name
}

// InstanceNameOf is the name that an instance of that image gets when the user
// gives none; empty when the image's name is none for an instance.
func InstanceNameOf(image string) string {
	if _, name, ok := ParseInstanceReference(image); ok {
		return name
	}
	image, _, _ = strings.Cut(image, "@")
	if name := InstanceOfReference(image); ValidInstanceName(name) {
		return name
	}
	return ""
}
