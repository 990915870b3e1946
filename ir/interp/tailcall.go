package interp

// tailEnd ends a run with the result of the program that took its place.
type tailEnd struct{ ret word }

// Error satisfies error; nobody sees it.
func (*tailEnd) Error() string { return "ended by a tail call" }

// maxTailCalls is how many tail calls the kernel makes in one run.
const maxTailCalls = 33

// tailCall runs the program in a slot of a prog_array, if there is one.
func tailCall(c *helperCall) (word, error) {
	if c.m.tailCalls >= maxTailCalls {
		return errno(-1), nil
	}
	for _, s := range c.args[1].obj.mp.decl.Slots {
		if uint64(s.Index) != c.args[2].bits&0xffffffff || s.Func == nil {
			continue
		}
		c.m.tailCalls++
		ret, err := c.m.call(s.Func, []word{{obj: c.args[0].obj}}, 1)
		if err != nil {
			return word{}, err
		}
		return word{}, &tailEnd{ret}
	}
	return errno(-2), nil
}
