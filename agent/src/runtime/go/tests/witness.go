// A program that looks at itself where it is told to, and fails where it does not find what it knows.
//
// Arguments, all numbers: offset of g from fs base, of goid, of parentGoid (0: none), file offset of roundTrip,
// offsets of ConnectionPath in its order.
package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptrace"
	"os"
	"reflect"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"unsafe"
)

const getFs = 0x1003

func main() {
	arguments := make([]uintptr, 0, len(os.Args))
	for _, text := range os.Args[1:] {
		number, err := strconv.ParseInt(text, 10, 64)
		check(err)
		arguments = append(arguments, uintptr(number))
	}
	goroutines(arguments[0], arguments[1], arguments[2])
	entry(arguments[3])
	connection(arguments[4:])
	fmt.Println("as told")
}

func goroutines(g, goid, parentGoid uintptr) {
	own, _ := identity(g, goid, parentGoid)
	expect("goroutine", own, number("goroutine "))
	done := make(chan struct{})
	go func() {
		defer close(done)
		child, parent := identity(g, goid, parentGoid)
		expect("child", child, number("goroutine "))
		if parentGoid != 0 {
			expect("parent", parent, own)
			expect("parent by trace", parent, number(" in goroutine "))
		}
	}()
	<-done
}

// Number of the goroutine and its parent, by the offsets.
func identity(g, goid, parentGoid uintptr) (uint64, uint64) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var fs uintptr
	if _, _, err := syscall.RawSyscall(syscall.SYS_ARCH_PRCTL, getFs, uintptr(unsafe.Pointer(&fs)), 0); err != 0 {
		log.Fatal(err)
	}
	at := word(fs + g)
	return uint64(word(at + goid)), uint64(word(at + parentGoid))
}

// What follows a text in the trace of this goroutine.
func number(after string) uint64 {
	trace := make([]byte, 4096)
	trace = trace[:runtime.Stack(trace, false)]
	_, rest, _ := strings.Cut(string(trace), after)
	end := strings.IndexFunc(rest, func(r rune) bool { return r < '0' || r > '9' })
	value, err := strconv.ParseUint(rest[:end], 10, 64)
	check(err)
	return value
}

// The file offset is mapped at the first instruction of the function.
func entry(offset uintptr) {
	self, err := os.Executable()
	check(err)
	maps, err := os.Open("/proc/self/maps")
	check(err)
	defer maps.Close()
	for lines := bufio.NewScanner(maps); lines.Scan(); {
		fields := strings.Fields(lines.Text())
		if len(fields) < 6 || fields[5] != self || !strings.Contains(fields[1], "x") {
			continue
		}
		var start, end, at uintptr
		_, err := fmt.Sscanf(fields[0]+" "+fields[2], "%x-%x %x", &start, &end, &at)
		check(err)
		if offset < at || offset >= at+end-start {
			continue
		}
		address := start + offset - at
		function := runtime.FuncForPC(address)
		expect("function", function.Name(), "net/http.(*persistConn).roundTrip")
		expect("entry", function.Entry(), address)
		return
	}
	log.Fatalf("file offset %#x is not mapped as code", offset)
}

// An idle connection of a Transport leads to the ports that its net.Conn tells.
func connection(path []uintptr) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	check(err)
	go http.Serve(listener, http.NotFoundHandler())
	idle := make(chan error, 1)
	var conn net.Conn
	trace := &httptrace.ClientTrace{
		GotConn:     func(info httptrace.GotConnInfo) { conn = info.Conn },
		PutIdleConn: func(err error) { idle <- err },
	}
	ctx := httptrace.WithClientTrace(context.Background(), trace)
	request, err := http.NewRequestWithContext(ctx, "GET", "http://"+listener.Addr().String(), nil)
	check(err)
	transport := &http.Transport{}
	response, err := transport.RoundTrip(request)
	check(err)
	io.Copy(io.Discard, response.Body)
	response.Body.Close()
	check(<-idle)

	connections := reflect.ValueOf(transport).Elem().FieldByName("idleConn")
	persistent := connections.MapIndex(connections.MapKeys()[0]).Index(0).Pointer()
	fd := word(word(persistent+path[0]) + path[1])
	expect("local port", int(word(word(fd+path[2])+path[4])), conn.LocalAddr().(*net.TCPAddr).Port)
	expect("remote port", int(word(word(fd+path[3])+path[4])), conn.RemoteAddr().(*net.TCPAddr).Port)
	raw, err := conn.(*net.TCPConn).SyscallConn()
	check(err)
	check(raw.Control(func(own uintptr) { expect("descriptor", word(fd+path[5]), own) }))
	runtime.KeepAlive(transport)
}

func word(address uintptr) uintptr {
	return **(**uintptr)(unsafe.Pointer(&address))
}

func expect(what string, found, expected interface{}) {
	if found != expected {
		log.Fatalf("%s: found %v, expected %v", what, found, expected)
	}
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
