package plan

import (
	"net/netip"
	"time"

	"github.com/servicepack/svp/engine/driver"
)

// StopGrace is how long a service has to end by itself before it is killed.
const StopGrace = 30 * time.Second

// Identity is who an instance is and where it is reached.
type Identity struct {
	Name    string
	ID      string
	Network string
	Address netip.Addr
	Publish []driver.PublishedPort
}

// VolumePlan is a volume that an instance needs.
type VolumePlan struct {
	Name   string
	Path   string
	Labels driver.Labels
}

// InstanceInput is what the plan of an instance's containers depends on.
type InstanceInput struct {
	Service  Service
	Identity Identity
	// Image is the instance image, or, for a first start, the base image.
	Image string
	// Base is the id of the base image.
	Base      string
	Operation Operation
	// Created is when the instance was made; zero: now.
	Created time.Time
	// Temporary tells that the instance is of use to the owner of the operation
	// alone.
	Temporary bool
	// Token, when not empty, makes the plan a first start: the primary
	// container sets the instance up, prints the token, is committed, and goes
	// on as the service.
	Token string
}

// Instance is what is to exist so that an instance runs.
type Instance struct {
	// Making is an empty volume that is there as long as the instance is being
	// made. What has neither an image nor this mark beside it is not half made:
	// somebody removed the image, which nothing that runs may need.
	Making  VolumePlan
	Volumes []VolumePlan
	// Primary is the container of the only component, or the holder of the
	// network that the components share.
	Primary driver.ContainerSpec
	// Components are the containers of several components; they join the
	// primary one, whose name stands in JoinContainer.
	Components []driver.ContainerSpec
	// Commit makes the instance's image, which is the record of the instance.
	Commit driver.CommitSpec
}

// PlanInstance decides what containers and volumes an instance has.
func PlanInstance(in InstanceInput) (Instance, error) {
	labels, err := instanceLabels(in)
	if err != nil {
		return Instance{}, err
	}
	plan := Instance{Making: making(in), Volumes: volumes(in)}
	plan.Primary = primary(in, labels, plan.mounts())
	if len(in.Service.Components) > 0 {
		for _, component := range in.Service.Components {
			plan.Components = append(plan.Components, componentSpec(in, component, labels, plan.mounts()))
		}
	}
	imageLabels, err := in.Service.imageLabels()
	if err != nil {
		return Instance{}, err
	}
	plan.Commit = commitSpec(in.Service, imageLabels.With(labels), InstanceReference(in.Identity.ID, in.Identity.Name))
	if !in.Created.IsZero() {
		plan.Commit.Labels[driver.LabelInstanceCreated] = in.Created.UTC().Format(time.RFC3339)
	}
	// Published ports are told of also when there are none: what is made from the
	// image of another instance has the labels of that one, where its own are silent.
	published := FormatPublish(in.Identity.Publish)
	plan.Commit.Labels[driver.LabelPublish] = published
	plan.Primary.Labels[driver.LabelPublish] = published
	for _, component := range plan.Components {
		component.Labels[driver.LabelPublish] = published
	}
	return plan, nil
}

func instanceLabels(in InstanceInput) (driver.Labels, error) {
	labels, err := in.Service.Labels()
	if err != nil {
		return nil, err
	}
	if in.Temporary {
		labels = labels.With(driver.Labels{driver.LabelTemporary: "true"})
	}
	return labels.With(driver.Labels{
		driver.LabelPhase:      driver.PhaseInstance,
		driver.LabelInstance:   in.Identity.Name,
		driver.LabelInstanceID: in.Identity.ID,
		driver.LabelNetwork:    in.Identity.Network,
		driver.LabelAddress:    in.Identity.Address.String(),
		driver.LabelBaseImage:  in.Base,
	}).With(in.Operation.Labels()), nil
}

func making(in InstanceInput) VolumePlan {
	return VolumePlan{
		Name: MakingVolumeName(in.Identity.ID), Labels: volumeLabels(in).With(driver.Labels{driver.LabelRole: driver.RoleMaking}),
	}
}

func volumes(in InstanceInput) []VolumePlan {
	plans := make([]VolumePlan, 0, len(in.Service.Volumes))
	for _, path := range in.Service.Volumes {
		plans = append(plans, VolumePlan{
			Name: VolumeName(in.Identity.ID, path), Path: path,
			Labels: volumeLabels(in).With(driver.Labels{driver.LabelVolumePath: path}),
		})
	}
	return plans
}

func volumeLabels(in InstanceInput) driver.Labels {
	return driver.Labels{
		driver.LabelPhase: driver.PhaseInstance, driver.LabelPack: in.Service.Pack,
		driver.LabelInstance: in.Identity.Name, driver.LabelInstanceID: in.Identity.ID,
	}.With(in.Operation.Labels())
}

// PlanBinding decides what records that the consumer is bound to the instance: an
// empty volume, whose labels tell.
func PlanBinding(service Service, identity Identity, consumer string, operation Operation) VolumePlan {
	return VolumePlan{
		Name: BindingVolumeName(identity.ID, consumer, operation.ID),
		Labels: volumeLabels(InstanceInput{Service: service, Identity: identity, Operation: operation}).
			With(driver.Labels{driver.LabelRole: driver.RoleBinding, driver.LabelBinding: consumer}),
	}
}

func (i Instance) mounts() []driver.Mount {
	mounts := make([]driver.Mount, 0, len(i.Volumes))
	for _, volume := range i.Volumes {
		mounts = append(mounts, driver.Mount{Volume: volume.Name, Path: volume.Path, Labels: volume.Labels})
	}
	return mounts
}

func primary(in InstanceInput, labels driver.Labels, mounts []driver.Mount) driver.ContainerSpec {
	holder := len(in.Service.Components) > 0
	command := ScriptCommand(script("run"))
	spec := driver.ContainerSpec{
		Name: ContainerName(in.Identity.Name), Image: in.Image,
		WorkingDir: ServiceDir, Hostname: hostname(in.Identity.Name),
		StopGrace: StopGrace, Mounts: mounts, Limits: in.Service.Limits, Confined: true, Lasting: true,
		Network: driver.NetworkSpec{
			Name: in.Identity.Network, Address: in.Identity.Address, Aliases: []string{in.Identity.Name},
		},
		Publish: in.Identity.Publish, Expose: in.Service.Ports,
		Labels: labels.With(driver.Labels{driver.LabelRole: driver.RoleService}),
	}
	if holder {
		command = holderCommand
		spec.Labels = labels.With(driver.Labels{driver.LabelRole: driver.RoleHolder})
		// The holder has nothing to bring to an end, and ignores what asks it to.
		spec.StopSignal = "SIGKILL"
	}
	if in.Token != "" {
		command = firstStartCommand(in.Token, setupVariables(in.Service, in.Identity.Name), command)
		spec.Input = true
	}
	spec.Entrypoint, spec.Command = command[:1], command[1:]
	return spec
}

func componentSpec(in InstanceInput, component string, labels driver.Labels, mounts []driver.Mount) driver.ContainerSpec {
	command := ScriptCommand(script("run"), component)
	return driver.ContainerSpec{
		Name:  ComponentContainerName(in.Identity.Name, in.Identity.ID, component),
		Image: in.Image, Entrypoint: command[:1], Command: command[1:],
		WorkingDir: ServiceDir, StopGrace: StopGrace, Mounts: mounts, Limits: in.Service.Limits, Confined: true, Lasting: true,
		Network: driver.NetworkSpec{JoinContainer: ContainerName(in.Identity.Name)},
		Labels: labels.With(driver.Labels{
			driver.LabelRole: driver.RoleService, driver.LabelComponent: component,
		}),
	}
}

// hostname is the instance's name where a host can have it.
func hostname(name string) string {
	for _, r := range name {
		if r == '_' || r == '.' {
			return ""
		}
	}
	return name
}
