// Four calls a request: two in sequence, a database-like one between them, two in parallel, in a way that the
// fourth argument names.
package main

import (
	"bufio"
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

func get(client *http.Client, id string, number int) error {
	response, err := client.Get(fmt.Sprintf("http://127.0.0.1:%s/down/%s/%d", callee, id, number))
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

func work(answer http.ResponseWriter, request *http.Request) {
	id := strings.Split(request.URL.Path, "/")[2]
	errors := []error{get(pooled, id, 1), ping(id), get(pooled, id, 2)}
	errors = append(errors, both(
		func() error { return get(pooled, id, 3) },
		func() error { return get(fresh, id, 4) },
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
	http.HandleFunc("/serve/", work)
	log.Fatal(http.ListenAndServe("127.0.0.1:"+os.Args[1], nil))
}
