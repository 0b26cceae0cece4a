// An HTTP/2 client without TLS on net/http: h2client CONCURRENCY
//
// One request for each line of standard input, so many at once over one connection; the answers come in the order of the lines
// (see tests/src/client.rs for both).
package main

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"
)

func ask(client *http.Client, line string) string {
	fields := strings.Fields(line)
	size, _ := strconv.Atoi(fields[4])
	var body io.Reader
	if size > 0 {
		body = strings.NewReader(strings.Repeat("b", size))
	}
	request, err := http.NewRequest(fields[0], fields[1], body)
	if err != nil {
		panic(err)
	}
	if fields[2] != "-" {
		request.Header.Set("traceparent", fields[2])
	}
	if fields[3] != "-" {
		request.Header.Set("tracestate", fields[3])
	}
	start := time.Now().UnixNano()
	response, err := client.Do(request)
	if err != nil {
		return fmt.Sprintln("0 0", start, time.Now().UnixNano())
	}
	defer response.Body.Close()
	content, _ := io.ReadAll(response.Body)
	return fmt.Sprintln(response.StatusCode, len(content), start, time.Now().UnixNano())
}

func main() {
	concurrency, _ := strconv.Atoi(os.Args[1])
	protocols := new(http.Protocols)
	protocols.SetUnencryptedHTTP2(true)
	client := &http.Client{
		Transport:     &http.Transport{Protocols: protocols},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	// Each answer waits in line; the queue's length bounds how many are at work.
	queue := make(chan chan string, concurrency-1)
	done := make(chan struct{})
	go func() {
		for answer := range queue {
			os.Stdout.WriteString(<-answer)
		}
		close(done)
	}()
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		line, answer := lines.Text(), make(chan string, 1)
		queue <- answer
		go func() { answer <- ask(client, line) }()
	}
	close(queue)
	<-done
}
