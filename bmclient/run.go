package bmclient

import (
	"context"
	"encoding/base64"
	"fmt"
	"log/slog"
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

	Content []byte // what is run, where the API is sent it ([Sends]): Parameters and Password are unused there
	How     How    // with Content: how
}

// Format writes the script, the number of hosts and the user, whatever the verb.
func (r Run) Format(f fmt.State, _ rune) {
	fmt.Fprintf(f, "run of %q on %d hosts as %q", r.CmdID, len(r.Hosts), r.User)
}

// LogValue is a group of what may be shown.
func (r Run) LogValue() slog.Value {
	return slog.GroupValue(slog.String("cmd_id", r.CmdID), slog.Int("hosts", len(r.Hosts)), slog.String("user", r.User))
}

// Accepted says that the API took the order. Whether the script ran, or the login was right, is not known from it.
type Accepted struct {
	RequestID string    // rarely given by API 2.0
	Message   string    // of API 2.0; often empty or "OK"; scrubbed
	SignedAt  time.Time // the Timestamp that was signed

	// API 3.0 and TAT say more; 2.0 leaves these empty.
	Tasks   []string      // that are this run, each once: one as a rule, none if the API named none
	Refused []HostRefused // nothing was started there
}

// HostRefused is a host that API 3.0 did not start the script on.
type HostRefused struct {
	Host    string
	Message string // what the API said, scrubbed of the call's secrets; often Chinese
}

// Run sends the run, once: whatever happens, it does not send a second time. Key and password are revealed after Config.Admit has agreed,
// and not kept. Its error is an *Error; one that is ErrNotSent proves that nothing left this machine, and its Class says what the others
// mean. Calling Run again is another order, and may be a second run.
func (c *Client) Run(ctx context.Context, key Key, r Run) (Accepted, error) {
	action := c.api.names().run
	if err := r.check(Sends(c.cfg.API)); err != nil {
		return Accepted{}, notSent(action, err)
	}
	if err := c.admit(ctx, action); err != nil {
		return Accepted{}, notSent(action, err)
	}
	signedAt := r.SignedAt
	if signedAt.IsZero() {
		signedAt = c.cfg.Now()
	}
	call, err := c.signRun(key, r, signedAt)
	if err != nil {
		return Accepted{}, notSent(action, err)
	}
	ans, err := c.sendOnce(ctx, call)
	if err != nil {
		return Accepted{}, err
	}
	return c.accepted(call, ans, signedAt)
}

// accepted reads what the API says beside its yes. A yes that cannot be read leaves unknown what was started.
func (c *Client) accepted(call signedCall, ans answer, signedAt time.Time) (Accepted, error) {
	a := Accepted{RequestID: ans.requestID, Message: ans.message, SignedAt: signedAt}
	if err := c.api.accept(&a, call.call, ans); err != nil {
		e := c.unusable(call.call, ans, err)
		e.hint = hintUnknown
		return Accepted{}, e
	}
	return a, nil
}

// signRun reveals the password and signs.
func (c *Client) signRun(key Key, r Run, at time.Time) (signedCall, error) {
	if Sends(c.cfg.API) {
		return c.api.sign(c, c.api.run(c, r, ""), key, at)
	}
	password := r.Password.Reveal()
	if password == "" {
		return signedCall{}, local("the password is empty")
	}
	call, err := c.api.sign(c, c.api.run(c, r, password), key, at)
	call.secrets = append(call.secrets, password)
	return call, err
}

// What one run of TAT takes.
const (
	MostHosts   = 200
	MostContent = 64 << 10 // bytes of the script in base64
)

// check refuses an order that is not whole, or that names a host twice and might run there twice.
func (r Run) check(sends bool) error {
	switch {
	case sends && len(r.Content) == 0:
		return local("there is no script to send")
	case sends && base64.StdEncoding.EncodedLen(len(r.Content)) > MostContent:
		return local("the script is longer than the API takes, 64 KB in base64")
	case sends && len(r.Hosts) > MostHosts:
		return local("there are more than %d hosts, and the API takes no more", MostHosts)
	case r.CmdID == "":
		return local("no script is named")
	case len(r.Hosts) == 0:
		return local("no host is named")
	case r.User == "":
		return local("no user is named")
	case r.Password == nil && !sends:
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

// sendOnce is sendRun with a line in the log.
func (c *Client) sendOnce(ctx context.Context, call signedCall) (answer, error) {
	began := time.Now()
	ans, err := c.sendRun(ctx, call)
	c.note(ctx, call, 1, began, err)
	return ans, err
}

// sendRun sends over a connection of its own. Whether anything left is decided by the gate, after the transport has returned: its
// goroutines may still hold the request, and a sealed gate keeps them from sending it.
func (c *Client) sendRun(ctx context.Context, call signedCall) (answer, error) {
	ctx, cancel := context.WithTimeout(ctx, c.cfg.RunTimeout)
	defer cancel()
	var g gate
	g.until, _ = ctx.Deadline()
	transport := c.runTransport(ctx, &g)
	defer transport.CloseIdleConnections()
	got, err := roundTrip(transport, c.newRequest(ctx, call), longestRun)
	switch {
	case err == nil:
		return c.answered(call, got)
	case g.seal():
		return answer{}, notSent(call.action, err)
	}
	return answer{}, c.noAnswer(call, got.status, err)
}
