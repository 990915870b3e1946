package interp

import (
	"fmt"
	"slices"

	"github.com/luabpfc/luabpfc/ir"
	"github.com/luabpfc/luabpfc/ir/kernel"
)

// maxLoops is how often bpf_loop calls back at most.
const maxLoops = 1 << 23

// helperFunc is what a helper does.
type helperFunc func(c *helperCall) (word, error)

// helperCall is one call: the arguments, and where it stands.
type helperCall struct {
	fr   *frame
	m    *Machine
	args []word
}

// helper returns the simulation of a helper, nil if there is none.
func helper(name string) helperFunc {
	switch name {
	case "map_lookup_elem":
		return mapLookup
	case "map_update_elem":
		return mapUpdate
	case "map_delete_elem":
		return mapDelete
	case "ktime_get_ns", "ktime_get_boot_ns", "ktime_get_coarse_ns", "ktime_get_tai_ns":
		return func(c *helperCall) (word, error) {
			t := c.m.Env.Time
			c.m.Env.Time += c.m.Env.TimeStep
			return word{bits: t}, nil
		}
	case "trace_printk":
		return tracePrintk
	case "get_prandom_u32":
		return prandom
	case "get_smp_processor_id":
		return func(c *helperCall) (word, error) { return word{bits: uint64(c.m.Env.CPU)}, nil }
	case "get_current_pid_tgid":
		return func(c *helperCall) (word, error) { return word{bits: c.m.Env.PidTgid}, nil }
	case "get_current_uid_gid":
		return func(c *helperCall) (word, error) { return word{bits: c.m.Env.UidGid}, nil }
	case "get_current_comm":
		return currentComm
	case "tail_call":
		return tailCall
	case "skb_load_bytes":
		return skbLoadBytes
	case "skb_pull_data":
		return skbPullData
	case "xdp_adjust_head":
		return xdpAdjustHead
	case "xdp_adjust_tail":
		return xdpAdjustTail
	case "skb_change_head":
		return skbChangeHead
	case "skb_change_tail":
		return skbChangeTail
	case "skb_store_bytes":
		return skbStoreBytes
	case "csum_diff":
		return csumDiff
	case "l3_csum_replace":
		return l3CsumReplace
	case "l4_csum_replace":
		return l4CsumReplace
	case "map_push_elem", "map_pop_elem", "map_peek_elem":
		return queueHelper(name)
	case "ringbuf_output", "perf_event_output", "ringbuf_reserve", "ringbuf_submit", "ringbuf_discard":
		return ringHelper(name)
	case "get_stackid":
		return func(*helperCall) (word, error) { return errno(-efault), nil } // there are no stacks here
	case "spin_lock", "spin_unlock":
		return func(*helperCall) (word, error) { return word{}, nil } // there is one CPU
	case "redirect_map":
		return redirectMap
	case "get_local_storage":
		return localStorage
	case "for_each_map_elem":
		return forEachMapElem
	case "loop":
		return loop
	}
	if f := textHelper(name); f != nil {
		return f
	}
	return networkHelper(name)
}

// callHelper executes a call: arguments are checked as the helper's row says.
func callHelper(fr *frame, v *ir.Value) (word, error) {
	h := v.Aux.(*kernel.Helper)
	c := &helperCall{fr: fr, m: fr.m}
	for i := range v.Args {
		w := fr.arg(v, i)
		switch h.Args[i] {
		case kernel.ArgMap:
			if w.obj == nil || w.obj.mp == nil {
				return word{}, errText(fmt.Sprintf("argument %d is no map", i))
			}
		case kernel.ArgRecord:
			if w.obj == nil || w.obj.record == nil || w.bits != 0 {
				return word{}, errText(fmt.Sprintf("argument %d is no record", i))
			}
		case kernel.ArgCallback:
			if w.obj == nil || w.obj.fn == nil {
				return word{}, errText(fmt.Sprintf("argument %d is no function", i))
			}
		case kernel.ArgCtx:
			if w.obj == nil || w.obj.ctx == nil || w.bits != 0 {
				return word{}, errText(fmt.Sprintf("argument %d is not the context", i))
			}
		}
		c.args = append(c.args, w)
	}
	f := helper(h.Name)
	if f == nil {
		f = environment(h)
	}
	w, err := f(c)
	if h.Effects&kernel.EffectMovesPacket != 0 {
		c.m.movePacket(c.m.packet.data)
	}
	return w, err
}

// errno is a helper's result.
func errno(n int) word { return word{bits: uint64(int64(n))} }

// key returns the map and the key of a call whose arguments start so.
func (c *helperCall) key() (*mapState, []byte, error) {
	s := c.args[0].obj.mp
	k, err := c.args[1].read(int(s.decl.KeySize))
	return s, k, err
}

func mapLookup(c *helperCall) (word, error) {
	s, k, err := c.key()
	if err != nil {
		return word{}, err
	}
	if s.decl.Inner != nil {
		for _, x := range s.decl.Slots {
			if uint64(x.Index) == getNumber(k, c.m.module.BigEndian) {
				return word{obj: c.m.maps[x.Map].self}, nil
			}
		}
		return word{}, nil
	}
	e := s.find(k, c.m.module.BigEndian)
	if e == nil {
		return word{}, nil
	}
	return word{obj: s.value(e, c.m.Env.CPU)}, nil
}

func mapUpdate(c *helperCall) (word, error) {
	s, k, err := c.key()
	if err != nil {
		return word{}, err
	}
	b, err := c.args[2].read(int(s.decl.ValueSize))
	if err != nil {
		return word{}, err
	}
	return errno(s.update(k, append([]byte(nil), b...), c.args[3].bits, c.m.Env.CPU, c.m.module.BigEndian)), nil
}

func mapDelete(c *helperCall) (word, error) {
	s, k, err := c.key()
	if err != nil {
		return word{}, err
	}
	return errno(s.delete(k, c.m.module.BigEndian)), nil
}

func prandom(c *helperCall) (word, error) {
	r := c.m.Env.Random
	if len(r) == 0 {
		return word{}, nil
	}
	x := r[c.m.randoms%len(r)]
	c.m.randoms++
	return word{bits: uint64(x)}, nil
}

// size returns the size of the buffer in front of argument i.
func (c *helperCall) size(i int) (int, error) {
	n := c.args[i].bits
	if n == 0 || n > 1<<29 {
		return 0, errText(fmt.Sprintf("the size %d is none", int64(n)))
	}
	return int(n), nil
}

// buffer reads the buffer that is argument i, of the size that follows it.
func (c *helperCall) buffer(i int) ([]byte, error) {
	n, err := c.size(i + 1)
	if err != nil {
		return nil, err
	}
	return c.args[i].read(n)
}

func currentComm(c *helperCall) (word, error) {
	n, err := c.size(1)
	if err != nil {
		return word{}, err
	}
	if _, err := c.args[0].at(0, n); err != nil {
		return word{}, err
	}
	b := make([]byte, n)
	copy(b[:n-1], c.m.Env.Comm)
	return word{}, c.args[0].write(b)
}

// skbLoadBytes copies packet bytes; if they are not all there it fills the
// buffer with zeros and fails.
func skbLoadBytes(c *helperCall) (word, error) {
	n, ok, err := c.loadPacket()
	if err == nil && !ok {
		return errno(-efault), c.args[2].write(make([]byte, n))
	}
	return word{}, err
}

// callback calls argument 1 with args and the frame behind them.
func (c *helperCall) callback(args ...word) (stop bool, err error) {
	if w := c.args[2]; w.obj == nil && w.bits != 0 {
		return false, errText("the frame is no address")
	}
	r, err := c.m.call(c.args[1].obj.fn, append(args, c.args[2]), c.fr.depth+1)
	if err == nil && r.bits > 1 {
		err = errText(fmt.Sprintf("the callback returned %d, not 0 or 1", int64(r.bits)))
	}
	return r.bits == 1, err
}

func loop(c *helperCall) (word, error) {
	n := c.args[0].bits
	switch {
	case c.args[3].bits != 0:
		return errno(-einval), nil
	case n>>32 != 0:
		return word{}, errText("kernels differ on loop counts above 32 bits")
	case n > maxLoops:
		return errno(-e2big), nil
	}
	for i := range n {
		stop, err := c.callback(word{bits: i})
		if err != nil {
			return word{}, err
		}
		if stop {
			return word{bits: i + 1}, nil
		}
	}
	return word{bits: n}, nil
}

// keyObject is the key of an entry as a walk through the map hands it out.
func (s *mapState) keyObject(e *entry, cpu int) *object {
	return &object{name: "a key of map " + s.decl.Name, region: ir.RegionMap, data: e.key, readOnly: true, value: s.value(e, cpu)}
}

// each is the next step of a walk.
func each(fr *frame, v *ir.Value) (word, error) {
	s := fr.m.maps[v.Aux.(*ir.Map)]
	if fr.walks == nil {
		fr.walks = map[*ir.Value][]*entry{}
	}
	if fr.arg(v, 0).bits != 0 {
		fr.walks[v] = slices.Collect(s.inOrder(fr.m.module.BigEndian))
	}
	for len(fr.walks[v]) > 0 {
		e := fr.walks[v][0]
		fr.walks[v] = fr.walks[v][1:]
		if s.entries[string(e.key)] == e { // else deleted meanwhile
			return word{obj: s.keyObject(e, fr.m.Env.CPU)}, nil
		}
	}
	return word{}, nil
}

func forEachMapElem(c *helperCall) (word, error) {
	if c.args[3].bits != 0 {
		return errno(-einval), nil
	}
	s, n := c.args[0].obj.mp, uint64(0)
	for e := range s.inOrder(c.m.module.BigEndian) {
		if s.entries[string(e.key)] != e {
			continue // deleted by the callback meanwhile
		}
		key := s.keyObject(e, c.m.Env.CPU)
		n++
		stop, err := c.callback(c.args[0], word{obj: key}, word{obj: key.value})
		if err != nil {
			return word{}, err
		}
		if stop {
			break
		}
	}
	return word{bits: n}, nil
}
