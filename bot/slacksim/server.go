package slacksim

import (
	"context"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// maxBody bounds what the simulator reads of one request; uploads included.
const maxBody = 64 << 20

// Slack is a running workspace. Make it with [Start].
type Slack struct {
	cfg    Config
	srv    *http.Server
	origin string // http://host:port
	done   chan struct{}
	life   sync.Mutex // guards closed, so that nothing starts once Close waits
	closed bool
	wg     sync.WaitGroup

	roster  roster
	escapes atomic.Bool // slash commands have the form of messages
	faults  faults
	sockets sockets

	entries journal[Entry]
	calls   journal[APICall]
	counts  counts
	traffic traffic

	mu            sync.Mutex // guards what follows
	lastTS        int64
	rooms         map[string]*room
	ephemerals    map[string][]*Ephemeral
	ephemeralByTS map[string]*Ephemeral
	triggers      map[string]*trigger
	triggerOrder  []*trigger
	responses     map[string]*responseURL
	uploads       map[string]*upload
	stacks        map[string][]*View // of modals, by user
	viewByID      map[string]*View
}

// Start opens the workspace. It returns [ErrNotLoopback], [ErrRealToken] or the listener's error.
func Start(cfg Config) (*Slack, error) {
	if err := cfg.fill(); err != nil {
		return nil, err
	}
	ln, err := net.Listen("tcp", cfg.Listen)
	if err != nil {
		return nil, err
	}
	s := &Slack{
		cfg:    cfg,
		origin: "http://" + ln.Addr().String(),
		done:   make(chan struct{}),
		roster: roster{
			people: make(map[string]Person), groups: make(map[string]Group),
			channels: make(map[string]*Channel), members: make(map[string]map[string]bool), freePlan: cfg.FreePlan,
		},
		rooms:         make(map[string]*room),
		ephemerals:    make(map[string][]*Ephemeral),
		ephemeralByTS: make(map[string]*Ephemeral),
		triggers:      make(map[string]*trigger),
		responses:     make(map[string]*responseURL),
		uploads:       make(map[string]*upload),
		stacks:        make(map[string][]*View),
		viewByID:      make(map[string]*View),
	}
	s.entries.keep, s.calls.keep, s.traffic.keep = !cfg.Lean, !cfg.Lean, !cfg.Lean
	s.faults.init()
	s.sockets.init(cfg.Seed)
	s.AddPerson(Person{ID: cfg.BotUserID, Name: cfg.BotName, Bot: true})
	s.srv = &http.Server{
		Handler:           http.HandlerFunc(s.serve),
		ReadHeaderTimeout: 10 * time.Second,
		ErrorLog:          log.New(io.Discard, "", 0), // a handler that drops a connection says so by a panic
	}
	s.spawn(func() {
		if err := s.srv.Serve(ln); err != nil && !errors.Is(err, http.ErrServerClosed) {
			cfg.Log.Error("slacksim stopped serving", "err", err)
		}
	})
	return s, nil
}

// APIURL is the base of the Web API, for slack.OptionAPIURL. It ends in a slash.
func (s *Slack) APIURL() string { return s.origin + "/api/" }

// Close ends every connection, timer and subscription and waits for them. Repeats do nothing.
func (s *Slack) Close() error {
	s.life.Lock()
	if s.closed {
		s.life.Unlock()
		return nil
	}
	s.closed = true
	close(s.done)
	s.life.Unlock()
	s.sockets.closeAll()
	ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
	defer cancel()
	var err error
	if s.srv.Shutdown(ctx) != nil { // somebody is in the middle of a request: it ends now
		err = s.srv.Close()
	}
	s.wg.Wait()
	return err
}

// enter counts something that Close waits for; wg.Done ends it. False: too late.
func (s *Slack) enter() bool {
	s.life.Lock()
	defer s.life.Unlock()
	if s.closed {
		return false
	}
	s.wg.Add(1)
	return true
}

// spawn runs f on its own, unless the simulator is closed. Close waits for it.
func (s *Slack) spawn(f func()) bool {
	if !s.enter() {
		return false
	}
	go func() {
		defer s.wg.Done()
		f()
	}()
	return true
}

func (s *Slack) serve(w http.ResponseWriter, r *http.Request) {
	if !s.enter() {
		panic(http.ErrAbortHandler)
	}
	defer s.wg.Done()
	path := r.URL.Path
	if path == "/link" {
		s.serveSocket(w, r)
		return
	}
	w = &lateWriter{ResponseWriter: w, late: func() { s.late(r) }}
	switch {
	case strings.HasPrefix(path, "/api/"):
		s.serveMethod(w, r, path[len("/api/"):])
	case strings.HasPrefix(path, "/respond/"):
		s.serveResponse(w, r, path[len("/respond/"):])
	case strings.HasPrefix(path, "/upload/"):
		s.serveUpload(w, r, path[len("/upload/"):])
	default:
		http.NotFound(w, r)
	}
}
