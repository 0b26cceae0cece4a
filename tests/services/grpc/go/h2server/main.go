// A small HTTP/2 service without TLS: h2server HOST:PORT std|x
//
// `std` is net/http alone, which wants prior knowledge; `x` is golang.org/x/net's h2c, which is also asked by `Upgrade: h2c`.
package main

import (
	"io"
	"log"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/h2c"
)

// number is the last segment of the path.
func number(r *http.Request) int {
	n, err := strconv.Atoi(r.URL.Path[strings.LastIndexByte(r.URL.Path, '/')+1:])
	if err != nil {
		return 0
	}
	return n
}

func routes() *http.ServeMux {
	mux := http.NewServeMux()
	mux.HandleFunc("/sized/", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", strconv.Itoa(number(r)))
		io.WriteString(w, strings.Repeat("x", number(r)))
	})
	mux.HandleFunc("/status/", func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(number(r)) })
	mux.HandleFunc("/echo/", func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.Write(body)
	})
	// The body waits, most of it at the client: it is more than a window.
	mux.HandleFunc("/late/", func(w http.ResponseWriter, r *http.Request) {
		time.Sleep(time.Duration(number(r)) * time.Millisecond)
		size, _ := io.Copy(io.Discard, r.Body)
		io.WriteString(w, strconv.FormatInt(size, 10))
	})
	mux.HandleFunc("/slow/", func(w http.ResponseWriter, r *http.Request) {
		time.Sleep(time.Duration(number(r)) * time.Millisecond)
		io.WriteString(w, "done")
	})
	mux.HandleFunc("/chunked/", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Trailer", "X-Sum")
		for range number(r) {
			io.WriteString(w, strings.Repeat("x", 100))
			w.(http.Flusher).Flush()
		}
		w.Header().Set("X-Sum", strconv.Itoa(number(r)*100))
	})
	mux.HandleFunc("/hints/", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Link", "</style.css>; rel=preload")
		w.WriteHeader(http.StatusEarlyHints)
		w.WriteHeader(http.StatusOK)
	})
	// As a Connect service without an implementation answers, the message read first: an answer that comes before it
	// makes curl fail.
	mux.HandleFunc("/sonde.test.v1.Echo/", func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "application/json")
		if strings.HasSuffix(r.URL.Path, "/Fail") {
			w.WriteHeader(http.StatusNotFound)
			io.WriteString(w, `{"code":"not_found"}`)
			return
		}
		io.WriteString(w, "{}")
	})
	// Panics reset the stream (RST_STREAM) once the response has begun.
	mux.HandleFunc("/abort/", func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, "begun")
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	})
	return mux
}

func main() {
	server := &http.Server{Addr: os.Args[1]}
	if os.Args[2] == "x" {
		server.Handler = h2c.NewHandler(routes(), &http2.Server{MaxConcurrentStreams: 4096})
	} else {
		server.Handler = routes()
		server.Protocols = new(http.Protocols)
		server.Protocols.SetHTTP1(true)
		server.Protocols.SetUnencryptedHTTP2(true)
		server.HTTP2 = &http.HTTP2Config{MaxConcurrentStreams: 4096}
	}
	log.Fatal(server.ListenAndServe())
}
