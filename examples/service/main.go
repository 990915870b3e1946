// Command service counts the traffic that arrives at a network interface and exports
// the counts to Prometheus. The program in the kernel was written in Lua
// (traffic.lua); its object and the Go types that both sides share were made by
// 'luabpfc gen go', so this program needs no compiler where it runs.
//
//	go generate ./examples/service                 # compile traffic.lua again
//	go run ./examples/service -interface eth0      # as root: -exec sudo otherwise
//	curl http://localhost:9435/metrics
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"
)

//go:generate go run github.com/luabpfc/luabpfc/cmd/luabpfc gen go -name traffic traffic.lua

func main() {
	iface := flag.String("interface", "lo", "network interface")
	listen := flag.String("listen", "localhost:9435", "address to serve /metrics on")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	l, err := net.Listen("tcp", *listen)
	if err == nil {
		err = serve(ctx, l, *iface)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "service:", err)
		os.Exit(1)
	}
}

// serve counts what arrives at an interface, and serves the counts until ctx is done.
func serve(ctx context.Context, l net.Listener, iface string) error {
	defer l.Close()
	c, err := start(iface)
	if err != nil {
		return err
	}
	defer c.Close()
	handler, err := c.handler()
	if err != nil {
		return err
	}
	srv := &http.Server{Handler: handler, ReadHeaderTimeout: 5 * time.Second}
	done := make(chan struct{})
	go func() {
		defer close(done)
		<-ctx.Done()
		late, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		srv.Shutdown(late)
	}()
	if err := srv.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	<-done
	return nil
}
