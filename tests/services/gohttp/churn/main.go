// Opens and drops connections: churn HOST:PORT RATE SECONDS. Every third is reset, every third sends half a head first.
// Prints how many were opened and how many failed to.
package main

import (
	"fmt"
	"net"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

func main() {
	rate, _ := strconv.Atoi(os.Args[2])
	seconds, _ := strconv.Atoi(os.Args[3])
	var opened, failed atomic.Int64
	var group sync.WaitGroup
	slots := make(chan int, 100)
	for range 8 {
		group.Add(1)
		go func() {
			defer group.Done()
			for i := range slots {
				connection, err := net.Dial("tcp", os.Args[1])
				if err != nil {
					failed.Add(1)
					continue
				}
				opened.Add(1)
				switch i % 3 {
				case 0:
					connection.(*net.TCPConn).SetLinger(0)
				case 1:
					connection.Write([]byte("GET /half HTTP/1.1\r\nHos"))
				}
				connection.Close()
			}
		}()
	}
	start := time.Now()
	for i := 0; i < rate*seconds; i++ {
		due := start.Add(time.Duration(i) * time.Second / time.Duration(rate))
		if wait := time.Until(due); wait > time.Millisecond {
			time.Sleep(wait)
		}
		slots <- i
	}
	close(slots)
	group.Wait()
	fmt.Println(opened.Load(), failed.Load(), time.Since(start).Milliseconds())
}
