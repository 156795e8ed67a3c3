package bot

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/bmcmd/bmcmd/approvals"
	"github.com/bmcmd/bmcmd/bmclient"
)

// journal keeps what the fakes were asked, in order.
type journal struct {
	mu    sync.Mutex
	lines []string
	heard chan struct{} // closed at the next line
}

func newJournal() *journal { return &journal{heard: make(chan struct{})} }

func (j *journal) add(format string, args ...any) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.lines = append(j.lines, fmt.Sprintf(format, args...))
	close(j.heard)
	j.heard = make(chan struct{})
}

// await waits until a line that begins with the words was written, if it was not.
func (j *journal) await(ctx context.Context, words string) error {
	for {
		j.mu.Lock()
		there := slices.ContainsFunc(j.lines, func(l string) bool { return strings.HasPrefix(l, words) })
		heard := j.heard
		j.mu.Unlock()
		if there {
			return nil
		}
		select {
		case <-heard:
		case <-ctx.Done():
			return fmt.Errorf("no %q: %w", words, ctx.Err())
		}
	}
}

// of is the lines that begin with one of the words.
func (j *journal) of(words ...string) []string {
	j.mu.Lock()
	defer j.mu.Unlock()
	var out []string
	for _, l := range j.lines {
		first, _, _ := strings.Cut(l, " ")
		if slices.Contains(words, first) {
			out = append(out, l)
		}
	}
	return out
}

// Canaries: none of these may be found anywhere outside of bmclient.
const (
	canaryPassword = "CANARY-password-7f3a"
	canaryKeyID    = "CANARY-key-id-91bc"
	canaryKey      = "CANARY-key-44de"
	canaryLines    = "CANARY-pem-begin\nCANARY-pem-end" // as a private key has them
)

// scrub is the Config.Scrub of the tests. Like the real one it knows values that
// were quoted.
func scrub(s string) string {
	return strings.NewReplacer(canaryPassword, "[secret]", canaryKeyID, "[secret]", canaryKey, "[secret]",
		canaryLines, "[secret]", strings.ReplaceAll(canaryLines, "\n", `\n`), "[secret]").Replace(s)
}

type secret string

func (s secret) Reveal() string { return string(s) }

// cloud is a Cloud with scripts. Its hooks run without a lock and may block.
type cloud struct {
	*journal
	mu        sync.Mutex
	scripts   map[string]bmclient.Script
	onRead    func() error
	onScripts func() error
	onRun     func(ctx context.Context) error // what RunUserCmd answers
	onStop    func() error
	sent      []bmclient.Run
	tasks     tasks

	machines   []bmclient.Machine // nil: each that is asked for is there and up
	onMachines func() error
	onFind     error
}

func (c *cloud) Script(_ context.Context, id string) (bmclient.Script, error) {
	c.add("read %s", id)
	c.mu.Lock()
	s, known := c.scripts[id]
	hook := c.onRead
	c.mu.Unlock()
	if hook != nil {
		if err := hook(); err != nil {
			return bmclient.Script{}, err
		}
	}
	if !known {
		return bmclient.Script{}, fmt.Errorf("GetUserCmd: %w", bmclient.ErrNoScript)
	}
	return s, nil
}

func (c *cloud) Run(ctx context.Context, key bmclient.Key, r bmclient.Run) (bmclient.Accepted, error) {
	c.add("run %s on %s as %s with %q", r.CmdID, strings.Join(r.Hosts, ","), r.User, r.Parameters)
	if r.Content == nil && r.Password.Reveal() != canaryPassword || key.Secret.Reveal() != canaryKey {
		panic("sent with other credentials than the vault's")
	}
	c.mu.Lock()
	c.sent = append(c.sent, r)
	hook := c.onRun
	c.mu.Unlock()
	if hook != nil {
		if err := hook(ctx); err != nil {
			return bmclient.Accepted{}, err
		}
	}
	return c.begin(r), nil
}

func (c *cloud) In(string) Cloud { return c }

// Machines tells of each that is asked for, as one that is up, unless the test says which there are.
func (c *cloud) Machines(_ context.Context, ids []string) (all []bmclient.Machine, err error) {
	c.add("machines %s", strings.Join(ids, ","))
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.onMachines != nil {
		err = c.onMachines()
	}
	if c.machines == nil {
		for _, id := range ids {
			all = append(all, bmclient.Machine{ID: id, Told: true})
		}
		return all, err
	}
	for _, m := range c.machines {
		if slices.Contains(ids, m.ID) {
			all = append(all, m)
		}
	}
	return all, err
}

// FindMachines tells of those that the test has put there.
func (c *cloud) FindMachines(name string) (all []bmclient.Machine, err error) {
	c.add("find %q", name)
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, m := range c.machines {
		if strings.Contains(m.Name, name) {
			m.OS, m.Trouble = "", "" // a search does not look at agents
			all = append(all, m)
		}
	}
	return all, c.onFind
}

// Sent compares whole contents, as the real one does.
func (c *cloud) Sent(_ context.Context, q bmclient.SentQuery) (found []string, err error) {
	c.add("search %s", strings.Join(q.Hosts, ","))
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, t := range c.tasks.all {
		if len(t.hosts) > 0 && string(t.hosts[0].Content) == string(q.Content) && !t.begun.Before(q.Since) {
			found = append(found, t.id)
		}
	}
	return found, nil
}

// Stop stops what has not ended.
func (c *cloud) Stop(_ context.Context, key bmclient.Key, task string, hosts []string) error {
	c.add("stop %s on %s", task, strings.Join(hosts, ","))
	if key.Secret.Reveal() != canaryKey {
		panic("stopped with another key than the vault's")
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.onStop != nil {
		if err := c.onStop(); err != nil {
			return err
		}
	}
	for _, t := range c.tasks.all {
		for _, h := range t.hosts {
			switch {
			case t.id != task || !slices.Contains(hosts, h.Host) || !h.ends.IsZero() && !time.Now().Before(h.ends):
			case h.late:
				h.late, h.ends, h.State, h.Word, h.Exit = false, time.Now(), bmclient.HostNever, "CANCELLED", -1
			default:
				h.ends, h.State, h.Word, h.Exit = time.Now(), bmclient.HostKilled, "TERMINATED", -1
			}
		}
	}
	return nil
}

func (c *cloud) set(f func(*cloud)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f(c)
}

// logins is a Logins of one login for all hosts that begin with ins-.
type logins struct {
	*journal
	mu     sync.Mutex
	login  approvals.Login
	every  bool // it is for all hosts
	onOpen func() error
}

func (l *logins) Asks(string) []string { return nil }

func (l *logins) For(hosts []approvals.Host) (approvals.Login, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, h := range hosts {
		if !strings.HasPrefix(h.ID, "ins-") && !l.every {
			return approvals.Login{}, fmt.Errorf("no login is configured for %s; ask whoever keeps the config", h.ID)
		}
	}
	return l.login, nil
}

func (l *logins) Open(_ context.Context, g approvals.Held) (Credentials, error) {
	l.add("open %s", g.Login().Name)
	l.mu.Lock()
	hook := l.onOpen
	l.mu.Unlock()
	if hook != nil {
		if err := hook(); err != nil {
			return Credentials{}, err
		}
	}
	return Credentials{Key: bmclient.Key{ID: canaryKeyID, Secret: secret(canaryKey)}, Password: secret(canaryPassword)}, nil
}

func (l *logins) OpenKey(_ context.Context, s approvals.StopOrder) (bmclient.Key, error) {
	l.add("open the key to stop %s", s.Request())
	return bmclient.Key{ID: canaryKeyID, Secret: secret(canaryKey)}, nil
}

func (l *logins) Forget(g approvals.Held) { l.add("forget %s", g.Login().Name) }

func (l *logins) set(f func(*logins)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	f(l)
}

// directory is a Directory of a few people. Profiles are by user id.
type directory struct {
	mu       sync.Mutex
	profiles map[string]approvals.Profile
	groups   approvals.Members
	fault    error          // of both calls
	hangs    bool           // Profile does not answer
	noGroups error          // of Members
	shared   bool           // any channel, with outsiders
	untold   error          // of Outsiders
	asked    map[string]int // how often for a group
}

func (d *directory) Profile(ctx context.Context, u UserRef) (approvals.Profile, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.hangs {
		<-ctx.Done()
		return approvals.Profile{}, ctx.Err()
	}
	if d.fault != nil {
		return approvals.Profile{}, d.fault
	}
	p, known := d.profiles[u.User]
	if !known {
		return approvals.Profile{}, errors.New("user_not_found")
	}
	return p, nil
}

func (d *directory) Outsiders(context.Context, string) (bool, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.shared, errors.Join(d.fault, d.untold)
}

func (d *directory) Members(_ context.Context, groups []string) (approvals.Members, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	m := approvals.Members{}
	var failed error
	for _, g := range groups {
		d.asked[g]++
		if err := errors.Join(d.fault, d.noGroups); err != nil {
			failed = err
			continue
		}
		m[g] = d.groups[g]
	}
	return m, failed
}

func (d *directory) set(f func(*directory)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	f(d)
}

// board is a Board that keeps each card as it was last drawn.
type board struct {
	*journal
	mu    sync.Mutex
	cards map[string]approvals.Request // by ts
	next  int

	reports []report
	told    approvals.Request // whom the newest notice was about
	files   bool              // results have no room for all
	alone   func(approvals.Notice) (Posted, error)
	hook    func(call string, r approvals.Request) error // may block; nil: all is well
}

func (b *board) ask(call string, r approvals.Request) error {
	b.mu.Lock()
	hook := b.hook
	b.mu.Unlock()
	if hook == nil {
		return nil
	}
	return hook(call, r)
}

func (b *board) Fits(r approvals.Request) error {
	if r.Plan != nil && len(r.Plan.Script.Content) > 12_000 {
		return fmt.Errorf("%w: the script has %d characters", approvals.ErrTooLong, len(r.Plan.Script.Content))
	}
	if n := len(r.Asked.Parameters) + len(r.Asked.Reason); n > 12_000 {
		return fmt.Errorf("%w: parameters and reason have %d characters", approvals.ErrTooLong, n)
	}
	return nil
}

func (b *board) Post(_ context.Context, r approvals.Request) (channel, ts string, err error) {
	if err := b.ask("post", r); err != nil {
		return "", "", err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.next++
	ts = fmt.Sprintf("%d.0", b.next)
	b.cards[ts] = r
	b.add("post %s %s", ts, r.State)
	return r.Origin.Channel, ts, nil
}

func (b *board) Redraw(_ context.Context, r approvals.Request) error {
	if err := b.ask("redraw", r); err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if _, there := b.cards[r.Card.TS]; !there {
		return ErrCardGone
	}
	b.cards[r.Card.TS] = r
	b.add("draw %s %s", r.Card.TS, r.State)
	return nil
}

func (b *board) Notify(_ context.Context, r approvals.Request, n approvals.Notice) (Posted, error) {
	if err := b.ask("notify", r); err != nil {
		return Posted{}, err
	}
	b.add("notice %s %s", n.Kind, r.State)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.told = r
	if b.alone != nil {
		return b.alone(n)
	}
	return Posted{}, nil
}

func (b *board) Report(_ context.Context, r approvals.Request, _ approvals.Notice, out approvals.Outputs) (Posted, error) {
	if err := b.ask("report", r); err != nil {
		return Posted{}, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.reports = append(b.reports, report{r, out})
	b.add("notice result %s", r.State)
	return Posted{Thread: r.Card.TS, File: b.files}, nil
}

func (b *board) Upload(_ context.Context, r approvals.Request, _ approvals.Outputs) (string, error) {
	b.add("file uploaded")
	return "F", b.ask("upload", r)
}

func (b *board) Share(_ context.Context, r approvals.Request) error {
	b.add("file shared %s", r.File.ID)
	return b.ask("share", r)
}

// report is what people were told of the hosts.
type report struct {
	request approvals.Request
	out     approvals.Outputs
}

func (b *board) Link(_ context.Context, c approvals.Card) string {
	if c.TS == "" {
		return ""
	}
	return "link:" + c.Channel + "/" + c.TS
}

func (b *board) card(ts string) approvals.Request {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.cards[ts]
}

func (b *board) set(f func(*board)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	f(b)
}
