package main

import (
	"encoding/binary"
	"fmt"
	"time"
)

// iterateScript declares the map that is iterated, of a program that does nothing.
const iterateScript = `
local entries = bpf.map('hash', 150000, 'uint32_t', 'uint64_t')
bpf.xdp(function() entries[0] = 0 end)`

// Entries stay: 0 to staying-1. Those behind come and go while the map is read.
const (
	staying = 100_000
	coming  = 1_000
)

// measureIterate reads a map of 100,000 entries while another thread writes it.
func measureIterate(runs int) error {
	object, cleanup, err := compiled("iterate.lua", iterateScript)
	if err != nil {
		return err
	}
	defer cleanup()
	names := []string{"loader", "plain"}
	all := map[string]*iterations{"loader": {}, "plain": {}}
	for range runs {
		for _, as := range names {
			says, err := contender(as, "iterate", object)
			if err != nil {
				return err
			}
			if err := all[as].add(says); err != nil {
				return err
			}
		}
	}
	fmt.Printf("A map of %d entries, all keys and values read while it is written, medians of %d runs:\n", staying, runs)
	for _, as := range names {
		it := all[as]
		fmt.Printf("  %-7s %7.1f ms, %.2f of the plain program's; %d of %d iterations broken off, %d entries missed, %d seen twice\n",
			as, ms(median(it.times)), ratio(it.times, all["plain"].times), it.aborted, runs, it.missed, it.twice)
	}
	return nil
}

// iterations are what the runs of a contender gave.
type iterations struct {
	times                  []time.Duration
	aborted, missed, twice int
}

func (it *iterations) add(says string) error {
	var ns int64
	var aborted, missed, twice int
	if _, err := fmt.Sscan(says, &ns, &aborted, &missed, &twice); err != nil {
		return fmt.Errorf("%q: %w", says, err)
	}
	it.times = append(it.times, time.Duration(ns))
	it.aborted += aborted
	it.missed += missed
	it.twice += twice
	return nil
}

// entries is a map as a contender reads and writes it.
type entries struct {
	put, remove func(key []byte) error
	// each calls seen with the key of each entry.
	each func(seen func(key []byte)) error
}

// contendIterate prints how long it took, whether it was broken off, and how many
// of the staying entries were missed or seen twice.
func contendIterate(object []byte, plain bool) error {
	open := entriesByLoader
	if plain {
		open = entriesPlain
	}
	m, err := open(object)
	if err != nil {
		return err
	}
	key := func(i uint32) []byte { return binary.NativeEndian.AppendUint32(nil, i) }
	for i := range uint32(staying) {
		if err := m.put(key(i)); err != nil {
			return err
		}
	}
	stop, stopped := make(chan struct{}), make(chan error, 1)
	go func() {
		for i := uint32(0); ; i++ {
			select {
			case <-stop:
				stopped <- nil
				return
			default:
			}
			k := key(staying + i%coming)
			if err := m.put(k); err != nil {
				stopped <- err
				return
			}
			if err := m.remove(k); err != nil {
				stopped <- err
				return
			}
		}
	}()
	counts := make([]uint8, staying)
	start := time.Now()
	err = m.each(func(k []byte) {
		if i := binary.NativeEndian.Uint32(k); i < staying && counts[i] < 255 {
			counts[i]++
		}
	})
	took := time.Since(start)
	close(stop)
	if err := <-stopped; err != nil {
		return err
	}
	aborted, missed, twice := 0, 0, 0
	if err != nil {
		aborted = 1
	}
	for _, n := range counts {
		switch {
		case n == 0:
			missed++
		case n > 1:
			twice++
		}
	}
	fmt.Println(took.Nanoseconds(), aborted, missed, twice)
	return nil
}

func entriesByLoader(object []byte) (*entries, error) {
	obj, err := loadByLoader(object)
	if err != nil {
		return nil, err
	}
	m, err := obj.Map("entries")
	if err != nil {
		return nil, err
	}
	value := make([]byte, 8)
	return &entries{
		put:    func(key []byte) error { return m.Update(key, value) },
		remove: m.Delete,
		each: func(seen func([]byte)) error {
			keys, err := m.Keys()
			if err != nil {
				return err
			}
			for _, k := range keys {
				v, err := m.Lookup(k)
				if err != nil {
					return err
				}
				if v != nil {
					seen(k)
				}
			}
			return nil
		},
	}, nil
}

func entriesPlain(object []byte) (*entries, error) {
	coll, err := loadPlain(object)
	if err != nil {
		return nil, err
	}
	m, value := coll.Maps["entries"], make([]byte, 8)
	return &entries{
		put:    func(key []byte) error { return m.Put(key, value) },
		remove: func(key []byte) error { return m.Delete(key) },
		each: func(seen func([]byte)) error {
			var k, v []byte
			it := m.Iterate()
			for it.Next(&k, &v) {
				seen(k)
			}
			return it.Err()
		},
	}, nil
}
