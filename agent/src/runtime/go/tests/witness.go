// A program that looks at itself where it is told to, and fails where it does not find what it knows.
//
// Arguments, all numbers: offset of g from fs base, of goid, of parentGoid (0: none), of startpc, of waitreason; bits of the
// reasons to wait; file offset of roundTrip, offsets of ConnectionPath and Requests in their order.
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
	"sync"
	"syscall"
	"time"
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
	life(arguments[0], arguments[3], arguments[4], arguments[5])
	entry(arguments[6])
	connection(arguments[0], arguments[7:])
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
	at := own(g)
	return uint64(word(at + goid)), uint64(word(at + parentGoid))
}

// Address of the goroutine's runtime.g.
func own(g uintptr) uintptr {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var fs uintptr
	if _, _, err := syscall.RawSyscall(syscall.SYS_ARCH_PRCTL, getFs, uintptr(unsafe.Pointer(&fs)), 0); err != 0 {
		log.Fatal(err)
	}
	return word(fs + g)
}

// A goroutine tells the function that it began with, and whether it has waited, and for what.
func life(g, startPc, waitReason, waits uintptr) {
	waited := func(wait func()) bool {
		done := make(chan bool)
		go func() {
			wait()
			reason := word(own(g)+waitReason) & 0xff
			done <- reason < 32 && waits>>reason&1 == 1
		}()
		return <-done
	}
	channel := make(chan struct{})
	locked := sync.Mutex{}
	condition := sync.NewCond(&locked)
	later := func(do func()) { time.AfterFunc(50*time.Millisecond, do) }
	expect("nothing", waited(func() {}), false)
	expect("sleep", waited(func() { time.Sleep(time.Millisecond) }), true)
	expect("channel", waited(func() { later(func() { close(channel) }); <-channel }), true)
	expect("condition", waited(func() {
		later(condition.Broadcast)
		locked.Lock()
		condition.Wait()
		locked.Unlock()
	}), true)
	done := make(chan uintptr)
	go begins(g, startPc, done)
	expect("start function", <-done, reflect.ValueOf(begins).Pointer())
}

func begins(g, startPc uintptr, done chan uintptr) {
	at := word(own(g) + startPc)
	// What starts a goroutine with arguments is a function of its own, named after the one that contains it.
	if name := runtime.FuncForPC(at).Name(); name == "main.life" || strings.HasPrefix(name, "main.life.") {
		at = reflect.ValueOf(begins).Pointer()
	}
	done <- at
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

// An idle connection of a Transport leads to the descriptor that its net.Conn tells; a request to its context; the goroutine that
// serves a connection to that and its local address.
func connection(g uintptr, path []uintptr) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	check(err)
	go http.Serve(listener, http.HandlerFunc(func(_ http.ResponseWriter, request *http.Request) {
		found := own(g)
		file := word(word(word(word(found+8)-72)+path[5]) + path[1])
		address := request.Context().Value(http.LocalAddrContextKey).(*net.TCPAddr)
		expect("local address", word(file+path[2]), uintptr(unsafe.Pointer(address)))
		expect("context", word(uintptr(unsafe.Pointer(request))+path[4]+8), reflect.ValueOf(request.Context()).Pointer())
	}))
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
	expect("own address", word(fd+path[2]), reflect.ValueOf(conn.LocalAddr()).Pointer())
	raw, err := conn.(*net.TCPConn).SyscallConn()
	check(err)
	check(raw.Control(func(own uintptr) { expect("descriptor", word(fd+path[3]), own) }))
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
