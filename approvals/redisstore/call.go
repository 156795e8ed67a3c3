package redisstore

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	mathrand "math/rand/v2"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/bmcmd/bmcmd/approvals"
)

const (
	attempts  = 3
	firstWait = 10 * time.Millisecond // between attempts; doubles, with jitter
)

// departure is a script's last argument. go-redis encodes it only once it has a
// connection that is ready, just before the command leaves: so one that was not encoded
// proves that nothing left.
type departure struct{ encoded atomic.Int32 }

func (d *departure) MarshalBinary() ([]byte, error) {
	d.encoded.Add(1)
	return nil, nil
}

// caller runs scripts.
type caller struct {
	client redis.UniversalClient
	brief  bool // all keys of scripts expire soon: see [Store.Rehearse]
}

// way is how scripts go over a connection.
func (c caller) way(on redis.Scripter) redis.Scripter {
	if c.brief {
		return brief{on}
	}
	return on
}

// answer is what a script returned, after the time.
type answer struct {
	now    time.Time // Redis' clock
	sought time.Time // the local one, just before
	seen   time.Time // and just after
	rest   []any
}

func (a answer) text(i int) string {
	if i >= len(a.rest) {
		return ""
	}
	s, _ := a.rest[i].(string)
	return s
}

// write runs a script that changes something, and repeats it after a fault that
// may pass. The script must know its own repetition. Errors wrap ErrUnavailable
// or ErrUncertain, and the context's error if that was the reason.
func (c caller) write(ctx context.Context, script *redis.Script, keys []string, args ...any) (answer, error) {
	return c.run(ctx, approvals.ErrUncertain, spread{}, script, keys, args)
}

// read is write for a script that changes nothing: its errors wrap ErrUnavailable.
func (c caller) read(ctx context.Context, script *redis.Script, keys []string, args ...any) (answer, error) {
	return c.run(ctx, approvals.ErrUnavailable, spread{}, script, keys, args)
}

// run makes the attempts; ifSent is the error if one may have reached Redis and
// none was answered. What it wrote is spread over replicas.
func (c caller) run(ctx context.Context, ifSent error, to spread, script *redis.Script, keys []string, args []any) (answer, error) {
	sent := false
	for n := 0; ; n++ {
		sought := time.Now()
		reply, mayHaveRun, err := c.attempt(ctx, to, script, keys, args)
		if err == nil {
			return newAnswer(reply, sought)
		}
		sent = sent || mayHaveRun
		if n+1 < attempts && mayPass(err) && pause(ctx, n) {
			continue
		}
		kind := approvals.ErrUnavailable
		if sent {
			kind = ifSent
		}
		return answer{}, explain(ctx, kind, err)
	}
}

// attempt runs the script once, and has replicas keep what it wrote. mayHaveRun is
// false if the script cannot have been executed.
func (c caller) attempt(ctx context.Context, to spread, script *redis.Script, keys []string, args []any) (reply []any, mayHaveRun bool, err error) {
	if err := ctx.Err(); err != nil {
		return nil, false, err
	}
	if to.n == 0 {
		return once(ctx, c.way(c.client), script, keys, args)
	}
	conn, err := c.hold(ctx, keys[0])
	if err != nil {
		return nil, false, err
	}
	defer conn.Close()
	reply, mayHaveRun, err = once(ctx, c.way(conn), script, keys, args)
	if err != nil {
		c.moved(ctx, err)
		return nil, mayHaveRun, err
	}
	return reply, true, to.over(ctx, conn, reply)
}

// once is EVALSHA, and EVAL if Redis does not know the script yet.
func once(ctx context.Context, on redis.Scripter, script *redis.Script, keys []string, args []any) (reply []any, mayHaveRun bool, err error) {
	eval := func(call func(context.Context, redis.Scripter, []string, ...any) *redis.Cmd) {
		d := new(departure)
		reply, err = call(ctx, on, keys, append(slices.Clone(args), d)...).Slice()
		// Of several encodings, a cluster client's own repeats, only the last was answered.
		left := d.encoded.Load()
		mayHaveRun = mayHaveRun || left > 1 || left == 1 && !notRun(err)
	}
	eval(script.EvalSha)
	if err != nil && redis.HasErrorPrefix(err, "NOSCRIPT") {
		eval(script.Eval)
	}
	return reply, mayHaveRun, err
}

func newAnswer(reply []any, sought time.Time) (answer, error) {
	a := answer{sought: sought, seen: time.Now()}
	if len(reply) < 2 {
		return a, fmt.Errorf("%w: Redis answered a script with nothing", approvals.ErrUncertain)
	}
	a.rest = reply[2:]
	sec, err := strconv.ParseInt(fmt.Sprint(reply[0]), 10, 64)
	usec, err2 := strconv.ParseInt(fmt.Sprint(reply[1]), 10, 64)
	if err != nil || err2 != nil {
		return a, fmt.Errorf("%w: Redis answered a script without the time", approvals.ErrUncertain)
	}
	a.now = time.Unix(sec, usec*1000).UTC()
	return a, nil
}

// refusals are the errors with which Redis refuses a script before its first
// write, wherever it says so; those marked true may pass by themselves within moments.
var refusals = map[string]bool{
	"LOADING": true, "READONLY": true, "MASTERDOWN": true, "CLUSTERDOWN": true,
	"TRYAGAIN": true, "BUSY": true, "MOVED": true, "ASK": true,
	"NOSCRIPT": false, "OOM": false, "NOAUTH": false, "WRONGPASS": false, "MISCONF": false, "NOREPLICAS": false,
}

// outside are beginnings of errors that prove that no script was run, unless they come
// from inside one. What begins with ERR is told apart by its own words: a proxy between
// may say "ERR upstream failure" of a script that Redis has run.
var outside = []string{
	"NOPERM", "CROSSSLOT", "DENIED",
	"ERR unknown command", "ERR wrong number of arguments for 'eval", "ERR Error compiling script",
}

// said is what Redis answered; empty if err is not its answer.
func said(err error) string {
	var answered redis.Error
	if !errors.As(err, &answered) {
		return ""
	}
	return answered.Error()
}

// code is the first word of an error of Redis; empty for any other error.
func code(err error) string {
	word, _, _ := strings.Cut(said(err), " ")
	return word
}

// known is Redis' answer as far as it may be shown: how an error begins that is known,
// else its first word. The rest may quote what was sent.
func known(answer string) string {
	for _, begins := range outside {
		if strings.HasPrefix(answer, begins) {
			return begins
		}
	}
	word, _, _ := strings.Cut(answer, " ")
	return word
}

// answered is an error of Redis, of which no more than [known] is shown.
type answered string

func (a *answered) Error() string { return "Redis answered " + known(string(*a)) }

// notRun reports whether err is Redis' word that the script was not executed, or had
// written nothing.
func notRun(err error) bool {
	if _, refused := refusals[code(err)]; refused {
		return true
	}
	return slices.Contains(outside, known(said(err))) && !fromScript(err)
}

// fromScript reports whether an error of a command was raised inside a script, perhaps
// after a write: then Redis names the script behind it (from 7.0), or before it.
func fromScript(err error) bool {
	return strings.Contains(said(err), ", on @user_script:") || strings.HasPrefix(said(err), "ERR Error running script")
}

func mayPass(err error) bool {
	if word := code(err); word != "" {
		return refusals[word]
	}
	return !errors.Is(err, context.Canceled) && !errors.Is(err, redis.ErrClosed) && !errors.Is(err, errFewReplicas)
}

// pause waits before the next attempt; false if the context ends first.
func pause(ctx context.Context, n int) bool {
	d := firstWait << n
	timer := time.NewTimer(d/2 + mathrand.N(d))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// explain makes the error that callers see. It holds no text of Redis beyond the
// first word.
func explain(ctx context.Context, kind, err error) error {
	if done := ended(ctx); done != nil {
		return fmt.Errorf("%w: %w", kind, done)
	}
	word := code(err)
	var netErr *net.OpError
	switch {
	case word != "":
		a := answered(said(err))
		return fmt.Errorf("%w: %w", kind, &a)
	case errors.As(err, &netErr):
		return fmt.Errorf("%w: %s: %w", kind, netErr.Op, netErr.Err)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("%w: Redis closed the connection", kind)
	case garbled(err):
		return fmt.Errorf("%w: what answered is not a Redis", kind)
	}
	return fmt.Errorf("%w: %w", kind, err)
}

// ended is the context's error. A deadline counts as soon as it has passed: the
// connection keeps the same one, and may notice first.
func ended(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if at, ok := ctx.Deadline(); ok && !time.Now().Before(at) {
		return context.DeadlineExceeded
	}
	return nil
}

func randomID() string { return rand.Text() }
