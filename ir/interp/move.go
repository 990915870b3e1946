package interp

// Moving the packet. A helper that may move it gives it a new object, so that
// addresses into the old one, like generations, can't be used any more; where
// the packet lies in fragments only the first part is at an address.

// movePacket gives the packet the bytes data, at a new address.
func (m *Machine) movePacket(data []byte) {
	m.packet.dead = "the packet may have moved"
	m.packet = &object{name: m.packet.name, region: m.packet.region, data: append([]byte{}, data...)}
	m.gen++
}

// linear returns how many bytes of the packet are at its address.
func (m *Machine) linear() int {
	if m.head > 0 && m.head < len(m.packet.data) {
		return m.head
	}
	return len(m.packet.data)
}

// skbPullData brings fragments to the packet's address, all that is there at it
// already for 0.
func skbPullData(c *helperCall) (word, error) {
	n := int64(uint32(c.args[1].bits))
	if n > int64(len(c.m.packet.data)) {
		return errno(-enomem), nil
	}
	c.m.head = max(c.m.linear(), int(n))
	return word{}, nil
}

// Sizes of what surrounds a packet in a test run of the kernel.
const (
	xdpHeadroom = 256 - 40 // less the kernel's own record of the frame
	xdpRoom     = 4096 - 256 - 320
	minFrame    = 14
	maxSkb      = 1 << 16
)

// resize gives the packet other bytes; the context's len follows.
func (c *helperCall) resize(data []byte) {
	c.m.packet.data = data
	c.m.head = 0
	ctx := c.args[0].obj
	if f, ok := ctx.ctx.layout.Field("len"); ok {
		copy(ctx.data[f.Off:], putNumber(uint64(len(data)), int(f.Size), c.m.module.BigEndian))
	}
}

func xdpAdjustHead(c *helperCall) (word, error) {
	n, p := int(int32(c.args[1].bits)), c.m.packet.data
	switch {
	case n > len(p)-minFrame || n < -(xdpHeadroom+len(c.m.front)):
		return errno(-einval), nil
	case n < 0: // what was there before, then zeros
		room := append(make([]byte, xdpHeadroom), c.m.front...)
		c.m.front = c.m.front[:max(0, len(c.m.front)+n)]
		c.resize(append(room[len(room)+n:], p...))
	default:
		c.m.front = append(c.m.front, p[:n]...)
		c.resize(p[n:])
	}
	return word{}, nil
}

func xdpAdjustTail(c *helperCall) (word, error) {
	n, p := int(int32(c.args[1].bits)), c.m.packet.data
	switch {
	case len(p)+n < minFrame || len(p)+n > xdpRoom:
		return errno(-einval), nil
	case n < 0:
		c.resize(p[:len(p)+n])
	default:
		c.resize(append(append([]byte{}, p...), make([]byte, n)...))
	}
	return word{}, nil
}

// skbChangeHead adds zeros in front of the packet.
func skbChangeHead(c *helperCall) (word, error) {
	n, p := uint64(uint32(c.args[1].bits)), c.m.packet.data
	if c.args[2].bits != 0 || n > maxSkb-uint64(len(p)) {
		return errno(-einval), nil
	}
	c.resize(append(make([]byte, n), p...))
	return word{}, nil
}

// skbChangeTail cuts the packet or adds zeros behind it.
func skbChangeTail(c *helperCall) (word, error) {
	n, p := uint64(uint32(c.args[1].bits)), c.m.packet.data
	switch {
	case c.args[2].bits != 0 || n > maxSkb || n < minFrame:
		return errno(-einval), nil
	case n <= uint64(len(p)):
		c.resize(p[:n])
	default:
		c.resize(append(append([]byte{}, p...), make([]byte, n-uint64(len(p)))...))
	}
	return word{}, nil
}

func skbStoreBytes(c *helperCall) (word, error) {
	b, err := c.buffer(2)
	if err != nil {
		return word{}, err
	}
	if c.args[4].bits > 3 {
		return errno(-einval), nil
	}
	if !c.storePacket(b) {
		return errno(-efault), nil
	}
	return word{}, nil
}
