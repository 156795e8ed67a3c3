package bmclient

import (
	"context"
	"encoding/base64"
	"fmt"
	"log/slog"
	"net/http"
	"strconv"
	"time"
)

// Run is one order to run a script. Printed or logged it shows neither parameters nor password.
type Run struct {
	CmdID      string
	Hosts      []string // in this order; none twice
	Parameters []byte   // of the script, raw; may be empty
	User       string
	Password   Secret
	SignedAt   time.Time // the Timestamp that is signed, to the second; zero: now
}

// Format writes the script, the number of hosts and the user, whatever the verb.
func (r Run) Format(f fmt.State, _ rune) {
	fmt.Fprintf(f, "run of %q on %d hosts as %q", r.CmdID, len(r.Hosts), r.User)
}

// LogValue is a group of what may be shown.
func (r Run) LogValue() slog.Value {
	return slog.GroupValue(slog.String("cmd_id", r.CmdID), slog.Int("hosts", len(r.Hosts)), slog.String("user", r.User))
}

// Accepted is code 0: the API took the order. Whether the script ran, or the login was right, is not known from it.
type Accepted struct {
	RequestID string    // rarely given by API 2.0
	Message   string    // often empty or "OK"; scrubbed
	SignedAt  time.Time // the Timestamp that was signed
}

// Run sends RunUserCmd, once: whatever happens, it does not send a second time. Key and password are revealed here and not kept.
// Its error is an *Error; one that is ErrNotSent proves that nothing left this machine, and its Class says what the others mean.
// Calling Run again is another order, and may be a second run.
func (c *Client) Run(ctx context.Context, key Key, r Run) (Accepted, error) {
	signedAt := r.SignedAt
	if signedAt.IsZero() {
		signedAt = c.cfg.Now()
	}
	call, err := c.signRun(key, r, signedAt)
	if err != nil {
		return Accepted{}, notSent(actionRun, err)
	}
	began := time.Now()
	ans, err := c.sendRun(ctx, call)
	c.log(ctx, call, 1, began, err)
	if err != nil {
		return Accepted{}, err
	}
	return Accepted{RequestID: ans.requestID, Message: ans.message, SignedAt: signedAt}, nil
}

// signRun checks the order, reveals the password and signs.
func (c *Client) signRun(key Key, r Run, at time.Time) (signedCall, error) {
	if err := r.check(); err != nil {
		return signedCall{}, err
	}
	password := r.Password.Reveal()
	if password == "" {
		return signedCall{}, local("the password is empty")
	}
	ps := make(params, 0, len(r.Hosts)+4)
	ps.add("cmdId", r.CmdID)
	ps.add("cmdParam", base64.StdEncoding.EncodeToString(r.Parameters))
	for i, host := range r.Hosts {
		ps.add(c.cfg.ArrayKey+"."+strconv.Itoa(i), host)
	}
	ps.add("password", password)
	ps.add("userName", r.User)
	call, err := c.sign(http.MethodPost, actionRun, key, at, ps)
	call.secrets = append(call.secrets, password)
	return call, err
}

// check refuses an order that is not whole, or that names a host twice and might run there twice.
func (r Run) check() error {
	switch {
	case r.CmdID == "":
		return local("no script is named")
	case len(r.Hosts) == 0:
		return local("no host is named")
	case r.User == "":
		return local("no user is named")
	case r.Password == nil:
		return local("there is no password")
	}
	seen := make(map[string]bool, len(r.Hosts))
	for _, host := range r.Hosts {
		if host == "" {
			return local("a host's name is empty")
		}
		if seen[host] {
			return local("host %q is named twice", host)
		}
		seen[host] = true
	}
	return nil
}

// sendRun sends over a connection of its own. Whether anything left is decided by the gate, after the transport has returned: its
// goroutines may still hold the request, and a sealed gate keeps them from sending it.
func (c *Client) sendRun(ctx context.Context, call signedCall) (answer, error) {
	ctx, cancel := context.WithTimeout(ctx, c.cfg.RunTimeout)
	defer cancel()
	var g gate
	transport := c.runTransport(ctx, &g)
	defer transport.CloseIdleConnections()
	got, err := roundTrip(transport, c.newRequest(ctx, call.method, call.form), longestRun)
	switch {
	case err == nil:
		return c.answered(call, got)
	case g.seal():
		return answer{}, notSent(actionRun, err)
	}
	return answer{}, c.noAnswer(call, got.status, err)
}
