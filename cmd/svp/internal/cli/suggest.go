package cli

import "strings"

// nearest finds the candidate that the user may have meant, or nothing when
// none is near.
func nearest(word string, candidates []string) string {
	if word == "" {
		return ""
	}
	best, bestDistance := "", max(1, len(word)/3)
	for _, candidate := range candidates {
		distance := editDistance(word, candidate)
		if strings.HasPrefix(candidate, word) {
			distance = 1
		}
		if distance <= bestDistance && (best == "" || distance < bestDistance) {
			best, bestDistance = candidate, distance
		}
	}
	return best
}

// editDistance counts the letters to insert, remove, replace or swap with their
// neighbour to get from a to b.
func editDistance(a, b string) int {
	var before []int
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		next := make([]int, len(b)+1)
		next[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			next[j] = min(row[j]+1, next[j-1]+1, row[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				next[j] = min(next[j], before[j-2]+1)
			}
		}
		before, row = row, next
	}
	return row[len(b)]
}
