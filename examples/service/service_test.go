package main

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"testing"
	"time"

	"github.com/cilium/ebpf"

	"github.com/luabpfc/luabpfc"
	"github.com/luabpfc/luabpfc/loader/bindings"
)

// TestService starts the service on lo, makes traffic and reads /metrics.
func TestService(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	ended := make(chan error, 1)
	go func() { ended <- serve(ctx, l, "lo") }()
	url := "http://" + l.Addr().String() + "/metrics"
	var before string
	for deadline := time.Now().Add(time.Minute); before == ""; {
		select {
		case err := <-ended:
			if (errors.Is(err, ebpf.ErrNotSupported) || errors.Is(err, os.ErrPermission)) && os.Getenv("LUABPFC_REQUIRE_KERNEL") != "1" {
				t.Skip(err)
			}
			t.Fatal(err)
		default:
		}
		if before = scrape(url); time.Now().After(deadline) {
			t.Fatal("the service does not answer")
		}
	}
	sink, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer sink.Close()
	udp, err := net.Dial("udp4", sink.LocalAddr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer udp.Close()
	for range 100 {
		udp.Write(make([]byte, 72)) // 100 bytes with its headers, 114 with the link's
	}
	if c, err := net.DialTimeout("tcp4", "127.0.0.1:1", time.Minute); err == nil { // nobody listens: opened and broken off
		c.Close()
	}
	want := map[string]float64{`traffic_packets_total{protocol="udp"}`: 100, `traffic_bytes_total{protocol="udp"}`: 100 * 114,
		`traffic_tcp_events_total{port="1",what="opened"}`: 1, `traffic_packets_total{protocol="tcp"}`: 2, `traffic_lost_events_total`: 0}
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
		after, missing := scrape(url), ""
		for name, n := range want {
			if value(after, name)-value(before, name) < n {
				missing = name
			}
		}
		if missing == "" {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s did not grow by %v; before:\n%s\nafter:\n%s", missing, want[missing], before, after)
		}
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// scrape reads the metrics, "" if the service does not answer.
func scrape(url string) string {
	r, err := (&http.Client{Timeout: 10 * time.Second}).Get(url)
	if err != nil {
		return ""
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	if err != nil || r.StatusCode != http.StatusOK {
		return ""
	}
	return string(b)
}

// value is a metric's value, 0 if it is not there.
func value(text, name string) float64 {
	m := regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(name) + ` (\S+)$`).FindStringSubmatch(text)
	if m == nil {
		return 0
	}
	f, _ := strconv.ParseFloat(m[1], 64)
	return f
}

// TestBindings wants the bindings to be those of the script.
func TestBindings(t *testing.T) {
	text, err := os.ReadFile("traffic.lua")
	if err != nil {
		t.Fatal(err)
	}
	for suffix, big := range map[string]bool{"bpfel": false, "bpfeb": true} {
		opts := luabpfc.DefaultOptions()
		opts.BigEndian = big
		obj, err := luabpfc.Compile(luabpfc.Source{Name: "traffic.lua", Text: string(text)}, opts)
		if err != nil {
			t.Fatal(err)
		}
		o, err := bindings.Read(obj.ELF)
		if err != nil {
			t.Fatal(err)
		}
		want, err := o.Go(bindings.Options{Package: "main", Name: "traffic", Object: "traffic_" + suffix + ".o", Command: "luabpfc gen go"})
		if err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile("traffic_" + suffix + ".go")
		if err != nil {
			t.Fatal(err)
		}
		if string(got) != string(want) {
			t.Errorf("traffic_%s.go is not what traffic.lua gives: go generate ./examples/service", suffix)
		}
	}
}
