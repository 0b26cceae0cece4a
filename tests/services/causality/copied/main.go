// A service that copies the request's field to its calls by hand: one by the handler, three by a pool of workers.
package main

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"
)

type job struct {
	path, field string
	done        *sync.WaitGroup
}

func call(path, field string) {
	request, err := http.NewRequest("GET", fmt.Sprintf("http://localhost:%s/down/%s", os.Args[2], path), nil)
	if err != nil {
		return
	}
	if field != "" {
		request.Header.Set("traceparent", field)
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return
	}
	io.Copy(io.Discard, answer.Body)
	answer.Body.Close()
}

func main() {
	http.DefaultTransport.(*http.Transport).MaxIdleConnsPerHost = 64
	jobs := make(chan job)
	for range [32]struct{}{} {
		go func() {
			for job := range jobs {
				call(job.path, job.field)
				job.done.Done()
			}
		}()
	}
	http.HandleFunc("/serve/", func(w http.ResponseWriter, r *http.Request) {
		id, field := strings.Split(r.URL.Path, "/")[2], r.Header.Get("traceparent")
		call(id+"/1", field)
		var done sync.WaitGroup
		for number := 2; number <= 4; number++ {
			done.Add(1)
			jobs <- job{fmt.Sprintf("%s/%d", id, number), field, &done}
		}
		done.Wait()
		io.WriteString(w, "ok")
	})
	if err := http.ListenAndServe("127.0.0.1:"+os.Args[1], nil); err != nil {
		panic(err)
	}
}
