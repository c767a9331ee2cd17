package soak

// judge returns the worlds that the answers leave, without those that come twice.
// A nil answer is one that never came: the request may have been served or not.
func judge(worlds []world, requests []request, got []*answer, kills int) []world {
	seen := map[world]bool{}
	var left []world
	for _, order := range orders(len(requests)) {
		for _, end := range serve(worlds, requests, got, order, kills) {
			for _, w := range end.world.later(kills) {
				w, right := end.accepted(w, requests, got)
				if w = w.answered(); right && !seen[w] {
					seen[w] = true
					left = append(left, w)
				}
			}
		}
	}
	return left
}

func orders(count int) [][]int {
	if count == 1 {
		return [][]int{{0}}
	}
	return [][]int{{0, 1}, {1, 0}}
}

// path is a world that requests have led to, and how their answers are to be.
type path struct {
	world   world
	accepts [atOnce]accept
}

// serve is what may be the case when the requests have been served in this order.
func serve(worlds []world, requests []request, got []*answer, order []int, kills int) []path {
	var paths []path
	for _, w := range worlds {
		paths = append(paths, path{world: w})
	}
	for _, i := range order {
		var next []path
		for _, before := range paths {
			if got[i] == nil {
				next = append(next, before)
			}
			for _, w := range before.world.later(kills) {
				after := before
				one := begin(w, requests[i])
				after.world, after.accepts[i] = one.world, one.accept
				next = append(next, after)
			}
		}
		paths = next
	}
	return paths
}

// accepted tells whether all the answers that came are right in the world.
func (p path) accepted(w world, requests []request, got []*answer) (world, bool) {
	for i := range requests {
		if got[i] == nil {
			continue
		}
		var right bool
		if w, right = p.accepts[i](w, *got[i]); !right {
			return w, false
		}
	}
	return w, true
}
