package main

import (
	"errors"
	"log"
	"sync"

	"golang.org/x/sync/errgroup"
)

// Runs two functions at the same time and waits for both.
var both func(first, second func() error) error

func choose(way string) {
	switch way {
	case "goroutines":
		both = goroutines
	case "errgroup":
		both = group
	case "pool":
		startWorkers()
		both = pool
	case "late-pool":
		both = func(first, second func() error) error {
			started.Do(startWorkers)
			return pool(first, second)
		}
	default:
		log.Fatal("no such way: ", way)
	}
}

func goroutines(first, second func() error) error {
	var group sync.WaitGroup
	var failed [2]error
	group.Add(2)
	go func() { defer group.Done(); failed[0] = first() }()
	go func() { defer group.Done(); failed[1] = second() }()
	group.Wait()
	return errors.Join(failed[0], failed[1])
}

func group(first, second func() error) error {
	var group errgroup.Group
	group.SetLimit(2)
	group.Go(first)
	group.Go(second)
	return group.Wait()
}

type job struct {
	run  func() error
	done chan<- error
}

var jobs = make(chan job)
var started sync.Once

// Workers that nothing links with the requests whose jobs they take.
func startWorkers() {
	for number := 0; number < 32; number++ {
		go func() {
			for job := range jobs {
				job.done <- job.run()
			}
		}()
	}
}

func pool(first, second func() error) error {
	done := make(chan error, 2)
	jobs <- job{first, done}
	jobs <- job{second, done}
	return errors.Join(<-done, <-done)
}
