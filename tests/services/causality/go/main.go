// Four calls a request: two in sequence, a database-like one between them, two in parallel, in a way that the
// fourth argument names.
package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"strings"
)

var callee, database string

var pooled = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 256}}
var fresh = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}

func get(ctx context.Context, client *http.Client, id string, number int) error {
	url := fmt.Sprintf("http://%s/down/%s/%d", address(number), id, number)
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

var idle = make(chan net.Conn, 256)

func ping(id string) error {
	var connection net.Conn
	var err error
	select {
	case connection = <-idle:
	default:
		if connection, err = net.Dial("tcp", "127.0.0.1:"+database); err != nil {
			return err
		}
	}
	if _, err = fmt.Fprintf(connection, "PING %s\n", id); err != nil {
		return err
	}
	if _, err = bufio.NewReader(connection).ReadString('\n'); err != nil {
		return err
	}
	idle <- connection
	return nil
}

type key struct{}

func work(answer http.ResponseWriter, request *http.Request) {
	id := strings.Split(request.URL.Path, "/")[2]
	ctx := context.Background()
	if withContext {
		ctx = context.WithValue(request.Context(), key{}, id)
	}
	errors := []error{get(ctx, pooled, id, 1), ping(id), get(ctx, pooled, id, 2)}
	errors = append(errors, both(
		func() error { return get(ctx, pooled, id, 3) },
		func() error { return get(ctx, fresh, id, 4) },
	))
	for _, err := range errors {
		if err != nil {
			http.Error(answer, err.Error(), http.StatusInternalServerError)
			return
		}
	}
	answer.Header().Set("Content-Length", "2")
	io.WriteString(answer, "ok")
}

func main() {
	callee, database = os.Args[2], os.Args[3]
	choose(os.Args[4])
	if os.Args[4] == "shared-port" {
		sharePorts()
	}
	http.HandleFunc("/serve/", work)
	log.Fatal(http.ListenAndServe("127.0.0.1:"+os.Args[1], nil))
}
