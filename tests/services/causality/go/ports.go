package main

import (
	"context"
	"net"
	"net/http"
	"sync"
	"syscall"
)

const (
	callees      = "127.0.0.1:"
	otherCallees = "127.0.0.2:"
)

// The callee's address for a call.
var address = func(int) string { return callees + callee }

// Local ports of connections to one address, for connections to the other.
type ports struct {
	sync.Mutex
	free map[string][]int
}

// Has odd calls go to one address of the callee and even ones to the other, on connections that have the same local ports
// by pairs, as the kernel gives them where it is short of ports.
func sharePorts() {
	address = func(number int) string {
		if number%2 == 0 {
			return otherCallees + callee
		}
		return callees + callee
	}
	ports := &ports{free: map[string][]int{}}
	pooled = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 256, DialContext: ports.dial}}
}

func (ports *ports) dial(ctx context.Context, network, address string) (net.Conn, error) {
	port := ports.take(address)
	dialer := net.Dialer{
		LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: port},
		Control:   reuse,
	}
	connection, err := dialer.DialContext(ctx, network, address)
	if err == nil && port == 0 {
		ports.offer(address, connection.LocalAddr().(*net.TCPAddr).Port)
	}
	return connection, err
}

// A port that the other address has a connection from; 0 if there is none left.
func (ports *ports) take(address string) int {
	ports.Lock()
	defer ports.Unlock()
	free := ports.free[address]
	if len(free) == 0 {
		return 0
	}
	ports.free[address] = free[1:]
	return free[0]
}

func (ports *ports) offer(address string, port int) {
	ports.Lock()
	defer ports.Unlock()
	other := otherCallees + callee
	if address == other {
		other = callees + callee
	}
	ports.free[other] = append(ports.free[other], port)
}

func reuse(_, _ string, raw syscall.RawConn) error {
	return raw.Control(func(descriptor uintptr) {
		syscall.SetsockoptInt(int(descriptor), syscall.SOL_SOCKET, syscall.SO_REUSEADDR, 1)
	})
}
