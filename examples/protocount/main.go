// Command protocount shows how many packets of each protocol pass the loopback
// interface. The program that counts them was written in Lua (protocount.lua)
// and compiled to protocount.o, which this program carries in itself: it needs
// no compiler where it runs.
//
//	go generate ./examples/protocount   # compile protocount.lua again
//	go run ./examples/protocount        # as root: -exec sudo otherwise
//
// Where programs can't be loaded it prints the compiled code, with the lines of
// the script, and says what is missing.
package main

import (
	"context"
	_ "embed"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"time"

	"github.com/luabpfc/luabpfc/loader"
)

//go:generate go run github.com/luabpfc/luabpfc/cmd/luabpfc protocount.lua -o protocount.o
//go:generate go run github.com/luabpfc/luabpfc/cmd/luabpfc protocount.lua --emit asm -o protocount.asm

//go:embed protocount.o
var object []byte

//go:embed protocount.asm
var assembly string

func main() {
	seconds := flag.Int("seconds", 5, "how long to count")
	quiet := flag.Bool("quiet", false, "send no packets of our own")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	err := count(ctx, os.Stdout, *seconds, !*quiet)
	var access *loader.AccessError
	if errors.As(err, &access) {
		fmt.Printf("The compiled program:\n\n%s\nIt is not running: %v\n", assembly, access)
		return
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "protocount:", err)
		os.Exit(1)
	}
}

// protocols are the rows of the table, by their numbers.
var protocols = []struct {
	number uint64
	name   string
}{{1, "ICMP"}, {6, "TCP"}, {17, "UDP"}, {58, "ICMPv6"}}

// count loads the program, attaches it to lo and prints a line a second.
func count(ctx context.Context, w io.Writer, seconds int, traffic bool) error {
	obj, err := loader.Open(object)
	if err != nil {
		return err
	}
	defer obj.Close()
	if err := obj.Load(); err != nil {
		return err
	}
	if err := obj.AttachSocket("protocount", "lo"); err != nil {
		return err
	}
	counts, err := obj.Map("counts")
	if err != nil {
		return err
	}
	fmt.Fprintln(w, "Packets on lo, each seen as it leaves and as it arrives:")
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for range seconds {
		if traffic {
			sendSome(ctx)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		for _, p := range protocols {
			n, _, err := counts.Get(p.number)
			if err != nil {
				return err
			}
			fmt.Fprintf(w, "  %s %-8d", p.name, n)
		}
		fmt.Fprintln(w)
	}
	return nil
}
