package main

import (
	"context"
	"net"
	"time"
)

// sendSome sends a few packets of each protocol over lo, so that there is
// something to see on a quiet machine. What fails is just not seen.
func sendSome(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, 500*time.Millisecond)
	defer cancel()
	sendTCP(ctx)
	sendUDP(ctx)
	sendICMP()
}

// sendTCP connects to a listener of its own and says something.
func sendTCP(ctx context.Context) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp4", "127.0.0.1:0")
	if err != nil {
		return
	}
	defer l.Close()
	c, err := new(net.Dialer).DialContext(ctx, "tcp4", l.Addr().String())
	if err != nil {
		return
	}
	defer c.Close()
	if s, err := l.Accept(); err == nil {
		c.Write([]byte("hello"))
		s.Close()
	}
}

// sendUDP sends datagrams to a socket of its own.
func sendUDP(ctx context.Context) {
	l, err := new(net.ListenConfig).ListenPacket(ctx, "udp4", "127.0.0.1:0")
	if err != nil {
		return
	}
	defer l.Close()
	for range 3 {
		l.WriteTo([]byte("hello"), l.LocalAddr())
	}
}

// sendICMP sends an echo request, which the kernel answers.
func sendICMP() {
	c, err := net.Dial("ip4:icmp", "127.0.0.1")
	if err != nil {
		return // a raw socket needs CAP_NET_RAW
	}
	defer c.Close()
	// Type 8, code 0, checksum, identifier 1, sequence number 1.
	c.Write([]byte{8, 0, 0xf7, 0xfd, 0, 1, 0, 1})
}
