// A program with grpc-go's client and server in it; it is only built.
package main

import (
	"context"
	"net"
	"os"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
)

func main() {
	callee, _ := grpc.Dial(os.Args[1], grpc.WithTransportCredentials(insecure.NewCredentials()))
	callee.Invoke(context.Background(), "/a/b", nil, nil)
	listener, _ := net.Listen("tcp", os.Args[2])
	grpc.NewServer().Serve(listener)
}
