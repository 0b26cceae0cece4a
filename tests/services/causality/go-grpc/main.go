// Four gRPC calls a request: two in sequence, two in parallel. Messages are bytes that nobody decodes.
package main

import (
	"context"
	"fmt"
	"log"
	"net"
	"os"
	"strconv"

	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
)

type raw struct{}

func (raw) Marshal(message any) ([]byte, error) { return *message.(*[]byte), nil }
func (raw) Unmarshal(data []byte, message any) error {
	*message.(*[]byte) = append([]byte(nil), data...)
	return nil
}
func (raw) Name() string { return "raw" }

type service struct{ callee *grpc.ClientConn }

func (service *service) call(context context.Context, id []byte, number int) error {
	var answer []byte
	return service.callee.Invoke(context, fmt.Sprintf("/down/%s-%d", id, number), &id, &answer)
}

func (service *service) serve(context context.Context, id []byte) error {
	for number := 1; number <= 2; number++ {
		if err := service.call(context, id, number); err != nil {
			return err
		}
	}
	group, context := errgroup.WithContext(context)
	group.Go(func() error { return service.call(context, id, 3) })
	group.Go(func() error { return service.call(context, id, 4) })
	return group.Wait()
}

func handle(server any, context context.Context, decode func(any) error, _ grpc.UnaryServerInterceptor) (any, error) {
	var id []byte
	if err := decode(&id); err != nil {
		return nil, err
	}
	answer := []byte("ok")
	return &answer, server.(*service).serve(context, id)
}

func main() {
	callee, err := grpc.NewClient("passthrough:///127.0.0.1:"+os.Args[2],
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.ForceCodec(raw{})))
	if err != nil {
		log.Fatal(err)
	}
	workers, err := strconv.ParseUint(os.Args[4], 10, 32)
	if err != nil {
		log.Fatal(err)
	}
	server := grpc.NewServer(grpc.ForceServerCodec(raw{}), grpc.NumStreamWorkers(uint32(workers)))
	server.RegisterService(&grpc.ServiceDesc{
		ServiceName: "causality.Service",
		HandlerType: (*any)(nil),
		Methods:     []grpc.MethodDesc{{MethodName: "Serve", Handler: handle}},
	}, &service{callee})
	listener, err := net.Listen("tcp", "127.0.0.1:"+os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	log.Fatal(server.Serve(listener))
}
