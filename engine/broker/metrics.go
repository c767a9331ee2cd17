package broker

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/servicepack/svp/engine/broker/store"
)

// metrics are what Prometheus is told.
type metrics struct {
	handler    http.Handler
	operations *prometheus.CounterVec
	durations  *prometheus.HistogramVec
	refusals   *prometheus.CounterVec
}

func newMetrics(b *Broker) *metrics {
	m := &metrics{
		operations: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "svp_broker_operations_total", Help: "Operations that have ended, by kind and result.",
		}, []string{"kind", "result"}),
		durations: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "svp_broker_operation_duration_seconds", Help: "How long operations took.",
			Buckets: []float64{0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600},
		}, []string{"kind"}),
		refusals: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "svp_broker_refused_requests_total", Help: "Requests that were answered with an error, by status.",
		}, []string{"status"}),
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(m.operations, m.durations, m.refusals, stock{b},
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	m.handler = promhttp.HandlerFor(registry, promhttp.HandlerOpts{})
	return m
}

func (m *metrics) ended(operation store.Operation, err error, now time.Time) {
	result := string(store.Succeeded)
	if err != nil {
		result = string(store.Failed)
	}
	m.operations.WithLabelValues(string(operation.Kind), result).Inc()
	m.durations.WithLabelValues(string(operation.Kind)).Observe(now.Sub(operation.Started).Seconds())
}

func (m *metrics) refused(status int) { m.refusals.WithLabelValues(strconv.Itoa(status)).Inc() }

// stock tells how many instances there are, and how full the pool is, at the
// moment of asking.
type stock struct{ broker *Broker }

var (
	instancesMetric = prometheus.NewDesc("svp_broker_instances", "Instances, by service, plan and state.",
		[]string{"service", "plan", "state"}, nil)
	poolMetric = prometheus.NewDesc("svp_broker_pool_instances", "Instances of the warm pool, by service, plan and whether they are ready.",
		[]string{"service", "plan", "ready"}, nil)
)

// Describe implements prometheus.Collector.
func (s stock) Describe(descriptions chan<- *prometheus.Desc) {
	descriptions <- instancesMetric
	descriptions <- poolMetric
}

// stockTimeout bounds how long a scrape waits for the store.
const stockTimeout = 5 * time.Second

// Collect implements prometheus.Collector. Without an answer of the store, these
// metrics are missing in the scrape.
func (s stock) Collect(collected chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(s.broker.work, stockTimeout)
	defer cancel()
	instances, err := s.broker.config.Store.Instances(ctx)
	if err != nil {
		return
	}
	counts := map[[3]string]int{}
	for _, instance := range instances {
		service, plan := s.broker.namesOf(instance.ServiceID, instance.PlanID)
		counts[[3]string{service, plan, string(instance.State)}]++
	}
	for labels, count := range counts {
		collected <- prometheus.MustNewConstMetric(instancesMetric, prometheus.GaugeValue, float64(count), labels[:]...)
	}
	pool, err := s.broker.config.Store.Pool(ctx)
	if err != nil {
		return
	}
	clear(counts)
	for _, pooled := range pool {
		service, plan := s.broker.namesOf(pooled.ServiceID, pooled.PlanID)
		counts[[3]string{service, plan, strconv.FormatBool(pooled.Ready)}]++
	}
	for labels, count := range counts {
		collected <- prometheus.MustNewConstMetric(poolMetric, prometheus.GaugeValue, float64(count), labels[:]...)
	}
}

// namesOf are the names in the catalog, or the ids of what is no longer in it.
func (b *Broker) namesOf(serviceID, planID string) (service, plan string) {
	p, err := b.catalog.Load().plan(serviceID, planID)
	if err != nil {
		return serviceID, planID
	}
	return p.service.offer.Pack.Name, p.offered.Name
}
