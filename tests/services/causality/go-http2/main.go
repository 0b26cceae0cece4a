// Four calls a request over HTTP/2 without TLS: two in sequence, two in parallel. The fourth argument names the client.
package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"

	"golang.org/x/net/http2"
)

var callee string
var client *http.Client

func unencrypted() *http.Protocols {
	var protocols http.Protocols
	protocols.SetUnencryptedHTTP2(true)
	return &protocols
}

func transport(way string) http.RoundTripper {
	switch way {
	case "net/http":
		return &http.Transport{Protocols: unencrypted()}
	case "x/net":
		return &http2.Transport{
			AllowHTTP: true,
			DialTLSContext: func(context context.Context, network, address string, _ *tls.Config) (net.Conn, error) {
				return (&net.Dialer{}).DialContext(context, network, address)
			},
		}
	}
	log.Fatal("no such client: ", way)
	return nil
}

func get(id string, number int) error {
	response, err := client.Get(fmt.Sprintf("http://127.0.0.1:%s/down/%s/%d", callee, id, number))
	if err != nil {
		return err
	}
	defer response.Body.Close()
	_, err = io.Copy(io.Discard, response.Body)
	return err
}

func work(answer http.ResponseWriter, request *http.Request) {
	id := strings.Split(request.URL.Path, "/")[2]
	failed := [4]error{get(id, 1), get(id, 2)}
	var group sync.WaitGroup
	group.Add(2)
	go func() { defer group.Done(); failed[2] = get(id, 3) }()
	go func() { defer group.Done(); failed[3] = get(id, 4) }()
	group.Wait()
	if err := errors.Join(failed[:]...); err != nil {
		http.Error(answer, err.Error(), http.StatusInternalServerError)
		return
	}
	io.WriteString(answer, "ok")
}

func main() {
	callee = os.Args[2]
	client = &http.Client{Transport: transport(os.Args[4])}
	http.HandleFunc("/serve/", work)
	server := http.Server{Addr: "127.0.0.1:" + os.Args[1], Protocols: unencrypted()}
	log.Fatal(server.ListenAndServe())
}
