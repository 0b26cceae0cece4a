// A gRPC client on grpc-go, one connection: client HOST:PORT CONCURRENCY
//
// One call for each line of standard input (see tests/src/rpc.rs for the lines), so many at once.
package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"sonde.test/grpc/echo"
)

type call struct {
	index, method, traceparent                         string
	messages, payload, size, count, code, ms, end, cut int
}

func parse(line string) call {
	fields := strings.Fields(line)
	number := func(at int) int {
		value, _ := strconv.Atoi(fields[at])
		return value
	}
	return call{
		index: fields[0], method: fields[1], messages: number(2), payload: number(3), size: number(4), count: number(5),
		code: number(6), ms: number(7), end: number(8), cut: number(9), traceparent: fields[10],
	}
}

func (c call) request() *echo.Request {
	return &echo.Request{
		Text: c.index, Payload: make([]byte, c.payload), Size: uint32(c.size), Count: uint32(c.count),
		Code: uint32(c.code), Milliseconds: uint32(c.ms),
	}
}

// make gives the number of replies and the error that the call ended with.
func (c call) make(ctx context.Context, connection *grpc.ClientConn) (int, error) {
	path := "/sonde.test.v1.Echo/" + c.method
	if c.method != "Collect" && c.method != "Spread" && c.method != "Chat" {
		if err := connection.Invoke(ctx, path, c.request(), &echo.Reply{}); err != nil {
			return 0, err
		}
		return 1, nil
	}
	stream, err := connection.NewStream(ctx, &grpc.StreamDesc{ClientStreams: true, ServerStreams: true}, path)
	if err != nil {
		return 0, err
	}
	go func() {
		for range c.messages {
			if stream.SendMsg(c.request()) != nil {
				return
			}
		}
		stream.CloseSend()
	}()
	for replies := 0; ; replies++ {
		if err := stream.RecvMsg(&echo.Reply{}); err == io.EOF {
			return replies, nil
		} else if err != nil {
			return replies, err
		}
	}
}

func (c call) run(connection *grpc.ClientConn) string {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	if c.end > 0 {
		ctx, cancel = context.WithTimeout(ctx, time.Duration(c.end)*time.Millisecond)
		defer cancel()
	}
	if c.cut > 0 {
		time.AfterFunc(time.Duration(c.cut)*time.Millisecond, cancel)
	}
	if c.traceparent != "-" {
		ctx = metadata.AppendToOutgoingContext(ctx, "traceparent", c.traceparent)
	}
	start := time.Now().UnixNano()
	replies, err := c.make(ctx, connection)
	return fmt.Sprintln(c.index, uint32(status.Code(err)), replies, start, time.Now().UnixNano())
}

func main() {
	connection, err := grpc.NewClient("passthrough:///"+os.Args[1], grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(64<<20)))
	if err != nil {
		panic(err)
	}
	concurrency, _ := strconv.Atoi(os.Args[2])
	turns := make(chan struct{}, concurrency)
	written := sync.Mutex{}
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		wanted := parse(lines.Text())
		turns <- struct{}{}
		go func() {
			line := wanted.run(connection)
			written.Lock()
			defer written.Unlock()
			os.Stdout.WriteString(line)
			<-turns
		}()
	}
	for range concurrency {
		turns <- struct{}{}
	}
}
