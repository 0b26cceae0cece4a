// A net/http client: one request for each line of standard input (see tests/src/client.rs for the line).
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

func main() {
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
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
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			fmt.Println("0 0", start, time.Now().UnixNano())
			continue
		}
		content, _ := io.ReadAll(response.Body)
		response.Body.Close()
		fmt.Println(response.StatusCode, len(content), start, time.Now().UnixNano())
	}
}
