package engine

import (
	"errors"
	"slices"
	"testing"

	"github.com/servicepack/svp/engine/driver"
	"github.com/servicepack/svp/engine/plan"
)

const (
	runningOperation = "aaaaaaaaaaaa"
	endedOperation   = "eeeeeeeeeeee"
)

// labelsOf are the labels of something of the instance 1d, called shop, that
// that operation made.
func labelsOf(t *testing.T, operation string, more driver.Labels) driver.Labels {
	t.Helper()
	labels, err := plan.Service{Pack: "database", Digest: "d1", Contract: 1, Volumes: []string{"/data"}, Plan: "default"}.Labels()
	if err != nil {
		t.Fatal(err)
	}
	return labels.With(plan.Operation{ID: operation, Owner: "host/1/1"}.Labels()).With(driver.Labels{
		driver.LabelPhase: driver.PhaseInstance, driver.LabelInstance: "shop", driver.LabelInstanceID: "1d",
		driver.LabelNetwork: "svp", driver.LabelAddress: "172.20.0.7", driver.LabelBaseImage: "sha256:ba5e",
	}).With(more)
}

func roled(t *testing.T, operation, role string) driver.Labels {
	t.Helper()
	return labelsOf(t, operation, driver.Labels{driver.LabelRole: role})
}

func TestWhatIsFoundOnTheHost(t *testing.T) {
	ended := map[string]bool{endedOperation: true, runningOperation: false}
	image := driver.Image{
		ID: "sha256:01", Tags: []string{plan.InstanceReference("1d", "shop")},
		Labels: roled(t, endedOperation, driver.RoleImage),
	}
	container := func(name, operation, role string) driver.Container {
		return driver.Container{ID: name, Name: name, State: driver.Running, Labels: roled(t, operation, role)}
	}
	created := func(name, operation, role string) driver.Container {
		return driver.Container{ID: name, Name: name, State: driver.Created, Labels: roled(t, operation, role)}
	}
	volume := func(name, operation, role string) driver.Volume {
		return driver.Volume{Name: name, Labels: roled(t, operation, role)}
	}
	data := func(operation string) driver.Volume { return volume("data", operation, "") }
	mark := func(operation string) driver.Volume { return volume("mark", operation, driver.RoleMaking) }

	for name, test := range map[string]struct {
		images     []driver.Image
		containers []driver.Container
		volumes    []driver.Volume

		instances, leftovers, making, orphans []string
	}{
		"an instance": {
			images: []driver.Image{image}, volumes: []driver.Volume{data(endedOperation)},
			containers: []driver.Container{container("shop", endedOperation, driver.RoleService)},
			instances:  []string{"shop: shop data"},
		},
		"an instance that is down": {
			images: []driver.Image{image}, volumes: []driver.Volume{data(endedOperation)},
			instances: []string{"shop: data"},
		},
		"an instance that another command has just recorded": {
			images: []driver.Image{image}, volumes: []driver.Volume{mark(runningOperation), data(runningOperation)},
			containers: []driver.Container{container("shop", runningOperation, driver.RoleService)},
			instances:  []string{"shop: shop data"},
		},
		"a command was killed between recording an instance and removing its mark": {
			images: []driver.Image{image}, volumes: []driver.Volume{mark(endedOperation), data(endedOperation)},
			containers: []driver.Container{container("shop", endedOperation, driver.RoleService)},
			instances:  []string{"shop: shop data"}, leftovers: []string{"mark"},
		},
		"a command was killed while it made an instance": {
			volumes:    []driver.Volume{mark(endedOperation), data(endedOperation)},
			containers: []driver.Container{container("shop", endedOperation, driver.RoleService)},
			leftovers:  []string{"shop", "data", "mark"},
		},
		"a command was killed before it made a container": {
			volumes: []driver.Volume{mark(endedOperation), data(endedOperation)}, leftovers: []string{"data", "mark"},
		},
		"the host made a container after its command was killed and the mark swept away": {
			volumes:    []driver.Volume{data(endedOperation)},
			containers: []driver.Container{created("shop", endedOperation, driver.RoleHolder)},
			leftovers:  []string{"shop", "data"},
		},
		"a container of an instance that was made and never started": {
			images: []driver.Image{image}, volumes: []driver.Volume{data(endedOperation)},
			containers: []driver.Container{created("shop", endedOperation, driver.RoleService)},
			instances:  []string{"shop: shop data"},
		},
		"a command is making an instance": {
			volumes:    []driver.Volume{mark(runningOperation), data(runningOperation)},
			containers: []driver.Container{container("shop", runningOperation, driver.RoleService)},
			making:     []string{"shop"},
		},
		"a command has just begun to make an instance and its mark was not seen": {
			containers: []driver.Container{container("shop", runningOperation, driver.RoleHolder)},
			making:     []string{"shop"},
		},
		"somebody removed the image of an instance": {
			volumes:    []driver.Volume{data(endedOperation)},
			containers: []driver.Container{container("shop", endedOperation, driver.RoleService)},
			instances:  []string{"shop: shop data"},
		},
		"somebody removed the image and some of the containers of an instance": {
			volumes: []driver.Volume{data(endedOperation)},
			containers: []driver.Container{
				container("shop", endedOperation, driver.RoleHolder), container("shop-web", endedOperation, driver.RoleService),
			},
			instances: []string{"shop: shop-web shop data"},
		},
		"somebody removed the image and the containers of an instance": {
			volumes: []driver.Volume{data(endedOperation)}, orphans: []string{"data"},
		},
		"containers of commands that run, and of those that were killed": {
			containers: []driver.Container{
				container("build", runningOperation, driver.RoleBuild), container("setup", endedOperation, driver.RoleSetup),
				container("scratch", endedOperation, driver.RoleScratch),
			},
			leftovers: []string{"setup", "scratch"},
		},
		"a scratch container of an instance": {
			images: []driver.Image{image}, containers: []driver.Container{container("scratch", endedOperation, driver.RoleScratch)},
			instances: []string{"shop:"}, leftovers: []string{"scratch"},
		},
		"the lock of a command that runs": {
			images: []driver.Image{image}, containers: []driver.Container{created("lock", runningOperation, driver.RoleLock)},
			instances: []string{"shop:"},
		},
		"the lock of a command that was killed": {
			images: []driver.Image{image}, containers: []driver.Container{created("lock", endedOperation, driver.RoleLock)},
			instances: []string{"shop:"}, leftovers: []string{"lock"},
		},
		"containers made by hand from images of svp": {
			images: []driver.Image{image},
			containers: []driver.Container{
				container("by-hand", endedOperation, driver.RoleImage), container("old", endedOperation, ""),
			},
			instances: []string{"shop:"},
		},
		"caches stay": {
			volumes: []driver.Volume{{Name: "cache", Labels: driver.Labels{driver.LabelPhase: driver.PhaseCache}}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(test.images, test.containers, test.volumes, ended)
			var instances, leftovers, making, orphans []string
			for _, found := range w.instances {
				text := found.identity.Name + ":"
				for _, c := range found.containers {
					text += " " + c.Name
				}
				for _, v := range found.volumes {
					text += " " + v.Name
				}
				instances = append(instances, text)
				if found.identity.Address.String() != "172.20.0.7" || found.service.Pack != "database" {
					t.Errorf("instance %+v", found)
				}
			}
			for _, c := range w.leftovers.containers {
				leftovers = append(leftovers, c.Name)
			}
			for _, v := range slices.Concat(w.leftovers.volumes, w.leftovers.marks) {
				leftovers = append(leftovers, v.Name)
			}
			for _, c := range w.making {
				making = append(making, c.Name)
			}
			for _, v := range w.orphans {
				orphans = append(orphans, v.Name)
			}
			for what, lists := range map[string][2][]string{
				"instances": {instances, test.instances}, "leftovers": {leftovers, test.leftovers},
				"being made": {making, test.making}, "orphans": {orphans, test.orphans},
			} {
				if !slices.Equal(lists[0], lists[1]) {
					t.Errorf("%s: %q, want %q", what, lists[0], lists[1])
				}
			}
		})
	}
}

// What svp cannot read belongs to somebody: it is neither worked with nor taken
// for a leftover, and does not stand in the way of other instances.
func TestInstanceWithUnreadableLabelsIsLeftOut(t *testing.T) {
	const otherID, otherName = "2d", "cache"
	ended := map[string]bool{endedOperation: true}
	good := driver.Image{
		ID: "sha256:01", Tags: []string{plan.InstanceReference("1d", "shop")}, Labels: roled(t, endedOperation, driver.RoleImage),
	}
	of := func(role string, broken driver.Labels) driver.Labels {
		return roled(t, endedOperation, role).With(driver.Labels{
			driver.LabelInstanceID: otherID, driver.LabelInstance: otherName,
		}).With(broken)
	}
	for name, broken := range map[string]driver.Labels{
		"descriptor": {driver.LabelDescriptor: "{"},
		"contract":   {driver.LabelContract: "two"},
		"publish":    {driver.LabelPublish: "everywhere"},
	} {
		image := driver.Image{
			ID: "sha256:02", Tags: []string{plan.InstanceReference(otherID, otherName)}, Labels: of(driver.RoleImage, broken),
		}
		containers := []driver.Container{
			{ID: "c1", Name: "svp-cache", State: driver.Running, Labels: of(driver.RoleService, broken)},
			{ID: "c2", Name: "svp-cache-x", State: driver.Created, Labels: of(driver.RoleService, broken)},
		}
		volumes := []driver.Volume{{Name: "data", Labels: of("", nil)}}
		for what, images := range map[string][]driver.Image{"with": {good, image}, "without": {good}} {
			t.Run(name+" "+what+" an image", func(t *testing.T) {
				w := newWorld(images, containers, volumes, ended)
				if len(w.instances) != 1 || w.instances[0].identity.Name != "shop" {
					t.Errorf("instances: %+v", w.instances)
				}
				left := w.leftovers
				if what == "with" && len(left.containers)+len(left.volumes)+len(left.images)+len(w.orphans) > 0 {
					t.Errorf("leftovers: %+v, orphans: %+v", left, w.orphans)
				}
				if _, err := w.find(otherName); !errors.Is(err, ErrUnreadable) {
					t.Errorf("looking for it: %v", err)
				}
				if used := w.unusedBaseImages(); len(used) > 0 {
					t.Errorf("unused: %v", used)
				}
			})
		}
	}
}

// What users make of an image of svp setup has its labels, and is theirs; what that
// stands on stays too.
func TestImagesThatUsersMakeOfASetUpAreTheirs(t *testing.T) {
	labels := driver.Labels{driver.LabelPhase: driver.PhaseInstance, driver.LabelBaseImage: "sha256:ba5e"}
	setUp := driver.Image{ID: "sha256:01", Parent: "sha256:ba5e", Labels: labels}
	users := driver.Image{ID: "sha256:02", Parent: setUp.ID, Labels: labels}
	unknown := driver.Image{ID: "sha256:03", Labels: labels}
	for name, test := range map[string]struct {
		images []driver.Image
		want   int
	}{
		"a set-up alone":              {[]driver.Image{setUp}, 1},
		"one that users build on":     {[]driver.Image{setUp, users}, 0},
		"a host that tells no parent": {[]driver.Image{unknown}, 0},
	} {
		if images := newWorld(test.images, nil, nil, nil).ownerlessImages(); len(images) != test.want {
			t.Errorf("%s: %v, want %d", name, images, test.want)
		}
	}
}

func TestImagesFromBeforeAnUpdateBelongToTheirInstance(t *testing.T) {
	former := driver.Image{ID: "sha256:00", Labels: roled(t, endedOperation, driver.RoleImage)}
	now := driver.Image{
		ID: "sha256:01", Tags: []string{plan.InstanceReference("1d", "shop")}, Labels: roled(t, endedOperation, driver.RoleImage),
	}
	ended := map[string]bool{endedOperation: true}
	if images := newWorld([]driver.Image{former, now}, nil, nil, ended).ownerlessImages(); len(images) != 0 {
		t.Errorf("of an instance that is there: %v", images)
	}
	if images := newWorld([]driver.Image{former}, nil, nil, ended).ownerlessImages(); len(images) != 1 {
		t.Errorf("of an instance that is gone: %v", images)
	}
}
