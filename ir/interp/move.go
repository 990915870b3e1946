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
