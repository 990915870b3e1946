package loader_test

import (
	_ "embed"
	"errors"
	"fmt"
	"log"
	"time"

	"github.com/luabpfc/luabpfc/loader"
)

//go:generate go run github.com/luabpfc/luabpfc/cmd/luabpfc ../examples/protocount/protocount.lua -o testdata/protocount.o

// The object that was made when building: 'luabpfc prog.lua', from a go:generate line.
//
//go:embed testdata/protocount.o
var object []byte

// An object says what it has without a kernel.
func ExampleOpen() {
	obj, err := loader.Open(object)
	if err != nil {
		log.Fatal(err)
	}
	defer obj.Close()
	fmt.Println(obj.Programs(), obj.Maps())
	// Output: [protocount] [counts]
}

// A program that carries its object with go:embed loads it, attaches the program and
// reads a map. It needs root, so this example is only compiled.
func ExampleObject_Attach() {
	obj, err := loader.Open(object)
	if err != nil {
		log.Fatal(err)
	}
	defer obj.Close() // detaches
	if err := obj.Load(); err != nil {
		var refused *loader.RejectError
		if errors.As(err, &refused) {
			refused.Whole = true // all that the verifier says
		}
		log.Fatal(err)
	}
	if _, err := obj.Attach("protocount", loader.Target{Name: "lo"}); err != nil {
		log.Fatal(err)
	}
	counts, err := obj.Map("counts")
	if err != nil {
		log.Fatal(err)
	}
	time.Sleep(5 * time.Second)
	for _, proto := range []uint64{1, 6, 17} {
		n, _, err := counts.Get(proto)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(proto, n)
	}
}

// Records of a ring buffer or perf buffer come one by one, until a deadline.
func ExampleMap_Events() {
	var obj *loader.Object // loaded
	m, err := obj.Map("events")
	if err != nil {
		log.Fatal(err)
	}
	events, err := m.Events()
	if err != nil {
		log.Fatal(err)
	}
	defer events.Close()
	for {
		e, ok, err := events.Next(time.Now().Add(time.Second))
		if err != nil {
			log.Fatal(err)
		}
		if !ok {
			continue // nothing for a second
		}
		fmt.Printf("% x\n", e.Data)
	}
}
