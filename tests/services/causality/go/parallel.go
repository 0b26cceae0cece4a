package main

import (
	"errors"
	"log"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"
)

// Runs two functions at the same time and waits for both.
var both func(first, second func() error) error

// Whether calls are made with the context of the request that they are for.
var withContext bool

// The way's name, and "-context" where calls have their requests' contexts.
func choose(way string) {
	way, withContext = strings.CutSuffix(way, "-context")
	switch way {
	case "goroutines", "shared-port":
		both = goroutines
	case "errgroup":
		both = group
	case "pool":
		startWorkers()
		both = pool
	case "late-pool":
		both = latePool
	case "late-buffered-pool":
		jobs = make(chan job, 128)
		both = latePool
	case "late-select-pool":
		worker = selectJobs
		both = latePool
	case "growing-pool":
		both = growingPool
	case "left-behind":
		both = leftBehind
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

// The second call goes on when the request has been answered.
func leftBehind(first, second func() error) error {
	go second()
	return first()
}

type job struct {
	run  func() error
	done chan<- error
}

func (job job) work() { job.done <- job.run() }

var jobs = make(chan job)
var started sync.Once
var worker = takeJobs

func takeJobs() {
	for job := range jobs {
		job.work()
	}
}

func selectJobs() {
	never := make(chan struct{})
	for {
		select {
		case job := <-jobs:
			job.work()
		case <-never:
			return
		}
	}
}

// Workers that nothing links with the requests whose jobs they take.
func startWorkers() {
	for number := 0; number < 32; number++ {
		go worker()
	}
}

// The same, children of the first request.
func latePool(first, second func() error) error {
	started.Do(startWorkers)
	return pool(first, second)
}

func pool(first, second func() error) error {
	done := make(chan error, 2)
	jobs <- job{first, done}
	jobs <- job{second, done}
	return errors.Join(<-done, <-done)
}

var idleWorkers struct {
	sync.Mutex
	all []chan job
}

// Who finds no worker idle starts another one; it stays.
func growingPool(first, second func() error) error {
	done := make(chan error, 2)
	submit(job{first, done})
	submit(job{second, done})
	return errors.Join(<-done, <-done)
}

func submit(next job) {
	idleWorker() <- next
}

func idleWorker() chan<- job {
	idleWorkers.Lock()
	defer idleWorkers.Unlock()
	if last := len(idleWorkers.all) - 1; last >= 0 {
		taken := idleWorkers.all[last]
		idleWorkers.all = idleWorkers.all[:last]
		return taken
	}
	jobs := make(chan job, 1)
	go func() {
		for next := range jobs {
			failed := next.run()
			idleWorkers.Lock()
			idleWorkers.all = append(idleWorkers.all, jobs)
			idleWorkers.Unlock()
			next.done <- failed
		}
	}()
	return jobs
}
