// Four calls a request over HTTP/2 without TLS: two in sequence, two in parallel. The fourth argument names the client; "-pool" behind
// it has the last two made by workers that the first request starts, and "-context" behind that with the request's context.
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
var withContext bool

// Has a function run beside the others.
var run = func(do func()) { go do() }

var jobs = make(chan func(), 64)
var started sync.Once

func runInPool(do func()) {
	started.Do(func() {
		for number := 0; number < 32; number++ {
			go func() {
				for do := range jobs {
					do()
				}
			}()
		}
	})
	jobs <- do
}

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

func get(ctx context.Context, id string, number int) error {
	url := fmt.Sprintf("http://127.0.0.1:%s/down/%s/%d", callee, id, number)
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	_, err = io.Copy(io.Discard, response.Body)
	return err
}

func work(answer http.ResponseWriter, request *http.Request) {
	id := strings.Split(request.URL.Path, "/")[2]
	ctx := context.Background()
	if withContext {
		ctx = request.Context()
	}
	failed := [4]error{get(ctx, id, 1), get(ctx, id, 2)}
	var group sync.WaitGroup
	group.Add(2)
	run(func() { defer group.Done(); failed[2] = get(ctx, id, 3) })
	run(func() { defer group.Done(); failed[3] = get(ctx, id, 4) })
	group.Wait()
	if err := errors.Join(failed[:]...); err != nil {
		http.Error(answer, err.Error(), http.StatusInternalServerError)
		return
	}
	io.WriteString(answer, "ok")
}

func main() {
	callee = os.Args[2]
	way, pool := os.Args[4], false
	way, withContext = strings.CutSuffix(way, "-context")
	if way, pool = strings.CutSuffix(way, "-pool"); pool {
		run = runInPool
	}
	client = &http.Client{Transport: transport(way)}
	http.HandleFunc("/serve/", work)
	server := http.Server{Addr: "127.0.0.1:" + os.Args[1], Protocols: unencrypted()}
	log.Fatal(server.ListenAndServe())
}
