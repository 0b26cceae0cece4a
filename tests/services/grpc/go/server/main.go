// The gRPC service on grpc-go: server HOST:PORT
package main

import (
	"context"
	"errors"
	"io"
	"log"
	"net"
	"os"
	"os/signal"
	"syscall"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"sonde.test/grpc/echo"
)

type service struct {
	echo.UnimplementedEchoServer
}

// end is the status that the request asks for.
func end(request *echo.Request) error {
	if request.GetCode() == 0 {
		return nil
	}
	return status.Error(codes.Code(request.GetCode()), "as asked")
}

func pause(ctx context.Context, request *echo.Request) error {
	if request.GetMilliseconds() == 0 {
		return nil
	}
	select {
	case <-time.After(time.Duration(request.GetMilliseconds()) * time.Millisecond):
		return nil
	case <-ctx.Done():
		return status.FromContextError(ctx.Err()).Err()
	}
}

func reply(request *echo.Request, received uint32) *echo.Reply {
	return &echo.Reply{Text: request.GetText(), Payload: make([]byte, request.GetSize()), Received: received}
}

func (service) Say(ctx context.Context, request *echo.Request) (*echo.Reply, error) {
	if err := pause(ctx, request); err != nil {
		return nil, err
	}
	return reply(request, 1), end(request)
}

func (service) Wait(ctx context.Context, request *echo.Request) (*echo.Reply, error) {
	if err := pause(ctx, request); err != nil {
		return nil, err
	}
	return reply(request, 1), end(request)
}

func (service) Fail(_ context.Context, request *echo.Request) (*echo.Reply, error) {
	return nil, end(request)
}

func (service) Collect(stream echo.Echo_CollectServer) error {
	last, received := &echo.Request{}, uint32(0)
	for {
		request, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		last, received = request, received+1
	}
	if err := pause(stream.Context(), last); err != nil {
		return err
	}
	if err := end(last); err != nil {
		return err
	}
	return stream.SendAndClose(reply(last, received))
}

func (service) Spread(request *echo.Request, stream echo.Echo_SpreadServer) error {
	for range request.GetCount() {
		if err := pause(stream.Context(), request); err != nil {
			return err
		}
		if err := stream.Send(reply(request, 1)); err != nil {
			return err
		}
	}
	return end(request)
}

func (service) Chat(stream echo.Echo_ChatServer) error {
	for received := uint32(1); ; received++ {
		request, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		for range max(request.GetCount(), 1) {
			if err := pause(stream.Context(), request); err != nil {
				return err
			}
			if err := stream.Send(reply(request, received)); err != nil {
				return err
			}
		}
		if err := end(request); err != nil {
			return err
		}
	}
}

// other answers methods that no one has declared, so that a caller can give every call a name of its own.
func other(_ any, stream grpc.ServerStream) error {
	request := &echo.Request{}
	if err := stream.RecvMsg(request); err != nil {
		return err
	}
	if err := end(request); err != nil {
		return err
	}
	return stream.SendMsg(reply(request, 1))
}

func main() {
	listener, err := net.Listen("tcp", os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	server := grpc.NewServer(grpc.UnknownServiceHandler(other), grpc.MaxConcurrentStreams(4096))
	echo.RegisterEchoServer(server, service{})
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM)
	go func() {
		<-stop
		server.GracefulStop()
	}()
	if err := server.Serve(listener); err != nil {
		log.Fatal(err)
	}
}
