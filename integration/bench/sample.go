package main

import (
	"context"
	"fmt"
	"math"
	"slices"
	"syscall"
	"time"
)

// sample is how long something took, several times.
type sample []time.Duration

func (s sample) median() time.Duration {
	return middle(s)
}

// middle is the median of the values; 0 where there are none.
func middle[T ~int64 | ~float64](values []T) T {
	sorted := slices.Sorted(slices.Values(values))
	half := len(sorted) / 2
	switch {
	case len(sorted) == 0:
		return 0
	case len(sorted)%2 == 1:
		return sorted[half]
	}
	return (sorted[half-1] + sorted[half]) / 2
}

// excess is how much longer the ones took than the others: the middle of the
// differences of the pairs. What else a machine does changes from minute to minute,
// and the two of a pair were measured one right after the other.
func excess(ones, others sample) time.Duration {
	return differences(ones, others).median()
}

func differences(ones, others sample) sample {
	differences := make(sample, 0, len(ones))
	for i, one := range ones {
		differences = append(differences, one-others[i])
	}
	return differences
}

// confidence is that of an interval.
const confidence = 0.95

// interval is the confidence interval of the median, by the sign test: as many of the
// sorted values are left out at either end as the confidence allows. Fewer than six
// values have none.
func (s sample) interval() (low, high time.Duration, ok bool) {
	outside := -1
	below := 0.0 // the probability that so few values are on one side of the median
	for term := math.Pow(0.5, float64(len(s))); 2*(below+term) <= 1-confidence; outside++ {
		below += term
		term *= float64(len(s)-outside-1) / float64(outside+2)
	}
	if outside < 0 {
		return 0, 0, false
	}
	sorted := slices.Sorted(slices.Values(s))
	return sorted[outside], sorted[len(sorted)-1-outside], true
}

// ratio is how many times as long the ones took: the middle of the ratios of the
// pairs.
func ratio(ones, others sample) float64 {
	ratios := make([]float64, 0, len(ones))
	for i, one := range ones {
		ratios = append(ratios, one.Seconds()/others[i].Seconds())
	}
	return middle(ratios)
}

// String shows the median with the smallest and the largest.
func (s sample) String() string {
	if len(s) == 0 {
		return "-"
	}
	return fmt.Sprintf("%s (%s–%s)", seconds(s.median()), seconds(slices.Min(s)), seconds(slices.Max(s)))
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.3f", d.Seconds()) }

// measurement does something once and says how long that took, without what is
// to be done before or afterwards.
type measurement func(context.Context) (time.Duration, error)

// alternate measures the two in turn, and changes which goes first. Each begins
// when what the other has written is on the disk: a service that starts waits for
// its own data to be there, and would wait for the other's as well.
func alternate(ctx context.Context, pairs int, one, other measurement) (ones, others sample, err error) {
	for pair := range pairs {
		order := []func() error{
			func() error { return ones.add(ctx, one) },
			func() error { return others.add(ctx, other) },
		}
		if pair%2 == 1 {
			slices.Reverse(order)
		}
		for _, measure := range order {
			if err := measure(); err != nil {
				return ones, others, err
			}
		}
	}
	return ones, others, nil
}

// inTurns measures all of them again and again, each time beginning with another.
func inTurns(ctx context.Context, rounds int, measurements ...measurement) ([]sample, error) {
	taken := make([]sample, len(measurements))
	for round := range rounds {
		for i := range measurements {
			turn := (round + i) % len(measurements)
			if err := taken[turn].add(ctx, measurements[turn]); err != nil {
				return taken, err
			}
		}
	}
	return taken, nil
}

func (s *sample) add(ctx context.Context, measure measurement) error {
	syscall.Sync()
	took, err := measure(ctx)
	if err != nil {
		return err
	}
	*s = append(*s, took)
	return nil
}

// timed measures a function.
func timed(do func() error) (time.Duration, error) {
	start := time.Now()
	err := do()
	return time.Since(start), err
}
