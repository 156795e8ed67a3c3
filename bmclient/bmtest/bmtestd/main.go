// Command bmtestd serves bmtest as a process of its own, for tests of whole programs. It listens on loopback only, and prints three
// lines when it is ready: "api URL" (of API 2.0), "admin URL" and "api3 URL" (which is TAT's, too).
//
//	bmtestd -state FILE.json [-listen 127.0.0.1:0] [-admin 127.0.0.1:0]
//
// The file holds a bmtest.State. The admin address answers GET /calls, GET /runs GET /tasks (ids, oldest first) and GET /counts
// (calls by action, with the names of 2.0) with the history, and takes
//
//	POST /script   a bmtest.ScriptState: adds a script or changes its content
//	POST /fault    {"action", "n" or "always", "delay_ms", "fault": a bmtest.Fault}; action empty: any
//	POST /heal
//	POST /host     {"id", "takes_ms", "manual", "never_ends", "exit", "output", "status", "content", "parameters"}: how it runs scripts from
//	               now on; texts as they are; content and parameters: what it says it ran instead; and of TAT "waits_ms", "delayed_ms",
//	               "stop_takes_ms", "word", "error_info"
//	POST /machine  {"id", "machine": a bmtest.Machine}: what is known of a host from now on
//	POST /end      {"task", "host"}: ends what is manual; task empty: the newest, host empty: all
//	POST /by-hand  {"cmd_id", "hosts", "content", "parameters"}: a task that somebody else began; the answer is {"task"}
//	POST /ran-before  {"n", "within_ms", "cmd_id", "hosts"}: tasks that somebody else began in the time before now
//	POST /listing  {"late_ms", "late_calls", "out_of_order", "twice", "no_task_ids"}: how tasks are listed
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/bmcmd/bmcmd/bmclient/bmtest"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "bmtestd:", err)
		os.Exit(1)
	}
}

// run serves until ctx ends.
func run(ctx context.Context, args []string, stdout io.Writer) error {
	fs := flag.NewFlagSet("bmtestd", flag.ContinueOnError)
	file := fs.String("state", "", "`file` with scripts, hosts and keys")
	listen := fs.String("listen", "127.0.0.1:0", "loopback `address` of the API")
	admin := fs.String("admin", "127.0.0.1:0", "loopback `address` of history and faults")
	if err := fs.Parse(args); err != nil {
		return err
	}
	api, err := load(*file)
	if err != nil {
		return err
	}
	defer api.Close()
	ln, err := bmtest.Listen(*listen)
	if err != nil {
		return err
	}
	if err := api.Serve(ln); err != nil {
		return err
	}
	adminLn, err := bmtest.Listen(*admin)
	if err != nil {
		return err
	}
	srv := &http.Server{Handler: adminHandler(api), ReadHeaderTimeout: 10 * time.Second}
	context.AfterFunc(ctx, func() { srv.Close() })
	fmt.Fprintf(stdout, "api %s\nadmin http://%s\napi3 %s\n", api.URL(), adminLn.Addr(), api.URL3())
	if err := srv.Serve(adminLn); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

func load(file string) (*bmtest.Server, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return bmtest.Load(f)
}

// plan is the body of POST /fault.
type plan struct {
	Action  string       `json:"action"`
	N       int          `json:"n"`
	Always  bool         `json:"always"`
	DelayMS int          `json:"delay_ms"`
	Fault   bmtest.Fault `json:"fault"`
}

func (p plan) apply(api *bmtest.Server) {
	if p.DelayMS > 0 {
		p.Fault.Delay = ms(p.DelayMS)
	}
	if p.Always {
		api.FailAlways(p.Action, p.Fault)
		return
	}
	api.FailNext(p.Action, p.Fault, max(1, p.N))
}

// hostPlan is the body of POST /host.
type hostPlan struct {
	ID         string  `json:"id"`
	TakesMS    int     `json:"takes_ms"`
	Manual     bool    `json:"manual"`
	NeverEnds  bool    `json:"never_ends"`
	Exit       int     `json:"exit"`
	Output     string  `json:"output"`
	Status     int     `json:"status"`
	Content    *string `json:"content"`
	Parameters *string `json:"parameters"`

	WaitsMS     int    `json:"waits_ms"`
	DelayedMS   int    `json:"delayed_ms"`
	StopTakesMS int    `json:"stop_takes_ms"`
	Word        string `json:"word"`
	ErrorInfo   string `json:"error_info"`
}

func ms(n int) time.Duration { return time.Duration(n) * time.Millisecond }

func (p hostPlan) apply(api *bmtest.Server) error {
	b := bmtest.HostBehaviour{
		Takes: ms(p.TakesMS), Manual: p.Manual, NeverEnds: p.NeverEnds, Exit: p.Exit,
		Output: []byte(p.Output), Status: p.Status, Content: optional(p.Content), Parameters: optional(p.Parameters),
		Waits: ms(p.WaitsMS), Delayed: ms(p.DelayedMS), StopTakes: ms(p.StopTakesMS), Word: p.Word, ErrorInfo: p.ErrorInfo,
	}
	if !api.SetHost(p.ID, b) {
		return fmt.Errorf("unknown host %q", p.ID)
	}
	return nil
}

// machinePlan is the body of POST /machine.
type machinePlan struct {
	ID      string         `json:"id"`
	Machine bmtest.Machine `json:"machine"`
}

func (p machinePlan) apply(api *bmtest.Server) error {
	if !api.SetMachine(p.ID, p.Machine) {
		return fmt.Errorf("unknown host %q", p.ID)
	}
	return nil
}

// optional is nil for what is not there, which is another thing than empty.
func optional(s *string) []byte {
	if s == nil {
		return nil
	}
	return []byte(*s)
}

// ending is the body of POST /end.
type ending struct {
	Task string `json:"task"`
	Host string `json:"host"`
}

func (e ending) apply(api *bmtest.Server) error {
	if ids := api.TaskIDs(); e.Task == "" && len(ids) > 0 {
		e.Task = ids[len(ids)-1]
	}
	ended := api.EndTask
	if e.Host != "" {
		ended = func(id string) bool { return api.EndHost(id, e.Host) }
	}
	if !ended(e.Task) {
		return fmt.Errorf("there is no task %q with host %q", e.Task, e.Host)
	}
	return nil
}

// byHand is the body of POST /by-hand.
type byHand struct {
	CmdID      string   `json:"cmd_id"`
	Hosts      []string `json:"hosts"`
	Content    *string  `json:"content"`
	Parameters string   `json:"parameters"`
}

// ranBefore is the body of POST /ran-before.
type ranBefore struct {
	N        int      `json:"n"`
	WithinMS int      `json:"within_ms"`
	CmdID    string   `json:"cmd_id"`
	Hosts    []string `json:"hosts"`
}

// listing is the body of POST /listing.
type listing struct {
	LateMS     int  `json:"late_ms"`
	LateCalls  int  `json:"late_calls"`
	OutOfOrder bool `json:"out_of_order"`
	Twice      bool `json:"twice"`
	NoTaskIDs  bool `json:"no_task_ids"`
}

func (l listing) apply(api *bmtest.Server) error {
	api.SetListing(bmtest.Listing{
		Late: ms(l.LateMS), LateCalls: l.LateCalls, OutOfOrder: l.OutOfOrder, Twice: l.Twice, NoTaskIDs: l.NoTaskIDs,
	})
	return nil
}

func adminHandler(api *bmtest.Server) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /calls", func(w http.ResponseWriter, _ *http.Request) { encode(w, api.Calls()) })
	mux.HandleFunc("GET /runs", func(w http.ResponseWriter, _ *http.Request) { encode(w, api.Runs()) })
	mux.HandleFunc("GET /tasks", func(w http.ResponseWriter, _ *http.Request) { encode(w, api.TaskIDs()) })
	mux.HandleFunc("GET /counts", func(w http.ResponseWriter, _ *http.Request) { encode(w, api.Counts()) })
	mux.HandleFunc("POST /heal", func(http.ResponseWriter, *http.Request) { api.Heal() })
	mux.HandleFunc("POST /script", take(func(_ http.ResponseWriter, sc bmtest.ScriptState) error { api.PutScript(sc); return nil }))
	mux.HandleFunc("POST /fault", take(func(_ http.ResponseWriter, p plan) error { p.apply(api); return nil }))
	mux.HandleFunc("POST /host", take(func(_ http.ResponseWriter, p hostPlan) error { return p.apply(api) }))
	mux.HandleFunc("POST /machine", take(func(_ http.ResponseWriter, p machinePlan) error { return p.apply(api) }))
	mux.HandleFunc("POST /end", take(func(_ http.ResponseWriter, e ending) error { return e.apply(api) }))
	mux.HandleFunc("POST /listing", take(func(_ http.ResponseWriter, l listing) error { return l.apply(api) }))
	mux.HandleFunc("POST /ran-before", take(func(_ http.ResponseWriter, b ranBefore) error {
		return api.RanBefore(b.N, ms(b.WithinMS), b.CmdID, b.Hosts)
	}))
	mux.HandleFunc("POST /by-hand", take(func(w http.ResponseWriter, b byHand) error {
		id, err := api.RunByHand(b.CmdID, b.Hosts, optional(b.Content), []byte(b.Parameters))
		if err == nil {
			encode(w, map[string]string{"task": id})
		}
		return err
	}))
	return mux
}

// take reads a T from the body, strictly, and hands it on. Either's error is the caller's fault.
func take[T any](use func(http.ResponseWriter, T) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var v T
		d := json.NewDecoder(r.Body)
		d.DisallowUnknownFields()
		err := d.Decode(&v)
		if err == nil {
			err = use(w, v)
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
		}
	}
}

func encode(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v) // the client may have gone
}
