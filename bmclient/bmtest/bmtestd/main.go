// Command bmtestd serves bmtest as a process of its own, for tests of whole programs. It listens on loopback only, and prints two
// lines when it is ready: "api URL" and "admin URL".
//
//	bmtestd -state FILE.json [-listen 127.0.0.1:0] [-admin 127.0.0.1:0]
//
// The file holds a bmtest.State. The admin address answers GET /calls and GET /runs with the history, and takes POST /script (a
// bmtest.ScriptState: adds a script or changes its content), POST /fault ({"action", "n" or "always", "delay_ms", "fault": a
// bmtest.Fault}; action empty: any) and POST /heal.
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
	fmt.Fprintf(stdout, "api %s\nadmin http://%s\n", api.URL(), adminLn.Addr())
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
		p.Fault.Delay = time.Duration(p.DelayMS) * time.Millisecond
	}
	if p.Always {
		api.FailAlways(p.Action, p.Fault)
		return
	}
	api.FailNext(p.Action, p.Fault, max(1, p.N))
}

func adminHandler(api *bmtest.Server) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /calls", func(w http.ResponseWriter, _ *http.Request) { encode(w, api.Calls()) })
	mux.HandleFunc("GET /runs", func(w http.ResponseWriter, _ *http.Request) { encode(w, api.Runs()) })
	mux.HandleFunc("POST /heal", func(http.ResponseWriter, *http.Request) { api.Heal() })
	mux.HandleFunc("POST /script", take(api.PutScript))
	mux.HandleFunc("POST /fault", take(func(p plan) { p.apply(api) }))
	return mux
}

// take reads a T from the body, strictly, and hands it on.
func take[T any](use func(T)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var v T
		d := json.NewDecoder(r.Body)
		d.DisallowUnknownFields()
		if err := d.Decode(&v); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		use(v)
	}
}

func encode(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v) // the client may have gone
}
