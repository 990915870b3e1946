package main

import (
	"fmt"
	"net"
	"net/http"
	"strconv"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// counter is the program in the kernel, attached, and what is read from it.
type counter struct {
	objs   trafficObjects
	link   link.Link
	events *trafficEventReader
	done   chan struct{}
	seen   *prometheus.CounterVec // events
}

var (
	packets = prometheus.NewDesc("traffic_packets_total", "Packets that arrived.", []string{"protocol"}, nil)
	octets  = prometheus.NewDesc("traffic_bytes_total", "Bytes that arrived.", []string{"protocol"}, nil)
	lost    = prometheus.NewDesc("traffic_lost_events_total", "Events for which there was no room.", nil, nil)
)

// start loads the program and attaches it to an interface.
func start(iface string) (c *counter, err error) {
	ifi, err := net.InterfaceByName(iface)
	if err != nil {
		return nil, err
	}
	c = &counter{done: make(chan struct{}), seen: prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "traffic_tcp_events_total", Help: "TCP connections that were opened or broken off, by port."}, []string{"what", "port"})}
	if err := loadTrafficObjects(&c.objs, nil); err != nil {
		return nil, fmt.Errorf("loading the program: %w", err)
	}
	if c.link, err = link.AttachTCX(link.TCXOptions{Program: c.objs.Traffic, Interface: ifi.Index, Attach: ebpf.AttachTCXIngress}); err != nil {
		c.objs.Close()
		return nil, fmt.Errorf("attaching to %s: %w", iface, err)
	}
	if c.events, err = newTrafficEventReader(c.objs.Events); err != nil {
		c.link.Close()
		c.objs.Close()
		return nil, fmt.Errorf("reading events: %w", err)
	}
	go c.read()
	return c, nil
}

// Close detaches the program.
func (c *counter) Close() {
	c.events.Close()
	<-c.done
	c.link.Close()
	c.objs.Close()
}

// read counts events until the reader is closed.
func (c *counter) read() {
	defer close(c.done)
	for {
		e, err := c.events.Read()
		if err != nil {
			return
		}
		what := "opened"
		if e.What == trafficWhatBROKEN {
			what = "broken"
		}
		port := "other" // of which there are too many for a metric each
		if p := e.Port.Host(); p < 1024 {
			port = strconv.Itoa(int(p))
		}
		c.seen.WithLabelValues(what, port).Inc()
	}
}

// handler serves the metrics.
func (c *counter) handler() (http.Handler, error) {
	reg := prometheus.NewRegistry()
	for _, m := range []prometheus.Collector{c, c.seen} {
		if err := reg.Register(m); err != nil {
			return nil, err
		}
	}
	mux := http.NewServeMux()
	mux.Handle("/metrics", promhttp.HandlerFor(reg, promhttp.HandlerOpts{}))
	return mux, nil
}

// Describe is prometheus.Collector.
func (c *counter) Describe(ch chan<- *prometheus.Desc) {
	ch <- packets
	ch <- octets
	ch <- lost
}

// protocols are names for protocols; others are shown by number.
var protocols = map[uint32]string{1: "icmp", 6: "tcp", 17: "udp", 58: "icmpv6"}

// Collect is prometheus.Collector: it reads the map when Prometheus asks.
func (c *counter) Collect(ch chan<- prometheus.Metric) {
	var proto uint32
	var each []trafficCount // one for each CPU
	it := c.objs.Counts.Iterate()
	for it.Next(&proto, &each) {
		var sum trafficCount
		for _, n := range each {
			sum.Packets += n.Packets
			sum.Bytes += n.Bytes
		}
		if sum.Packets == 0 {
			continue
		}
		name := protocols[proto]
		if name == "" {
			name = strconv.Itoa(int(proto))
		}
		ch <- prometheus.MustNewConstMetric(packets, prometheus.CounterValue, float64(sum.Packets), name)
		ch <- prometheus.MustNewConstMetric(octets, prometheus.CounterValue, float64(sum.Bytes), name)
	}
	if err := it.Err(); err != nil {
		ch <- prometheus.NewInvalidMetric(packets, err)
	}
	var n uint64
	if err := c.objs.Lost.Get(&n); err != nil {
		ch <- prometheus.NewInvalidMetric(lost, err)
		return
	}
	ch <- prometheus.MustNewConstMetric(lost, prometheus.CounterValue, float64(n))
}
