// A small net/http service: server HOST:PORT
package main

import (
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"
)

// number is the last segment of the path.
func number(r *http.Request) int {
	n, err := strconv.Atoi(r.URL.Path[strings.LastIndexByte(r.URL.Path, '/')+1:])
	if err != nil {
		return 0
	}
	return n
}

func main() {
	http.HandleFunc("/sized/", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", strconv.Itoa(number(r)))
		io.WriteString(w, strings.Repeat("x", number(r)))
	})
	http.HandleFunc("/status/", func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(number(r)) })
	http.HandleFunc("/echo/", func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
		w.Write(body)
	})
	http.HandleFunc("/seen/", func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		line := []string{"SEEN", r.Method + " " + r.RequestURI, strconv.Itoa(len(body)), "Host: " + r.Host}
		for name, values := range r.Header {
			for _, value := range values {
				line = append(line, name+": "+value)
			}
		}
		fmt.Println(strings.Join(line, "\t"))
		io.WriteString(w, "seen")
	})
	http.HandleFunc("/slow/", func(w http.ResponseWriter, r *http.Request) {
		time.Sleep(time.Duration(number(r)) * time.Millisecond)
		io.WriteString(w, "done")
	})
	http.HandleFunc("/chunked/", func(w http.ResponseWriter, r *http.Request) {
		for range number(r) {
			io.WriteString(w, strings.Repeat("x", 100))
			w.(http.Flusher).Flush()
		}
	})
	log.Fatal(http.ListenAndServe(os.Args[1], nil))
}
