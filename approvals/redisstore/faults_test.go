package redisstore

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/bmcmd/bmcmd/approvals"
)

// proxy stands before a server and spoils what it is told to.
type proxy struct {
	addr    string
	drop    atomic.Int32                  // so many replies to scripts are cut off, connection and all
	mute    atomic.Bool                   // replies to scripts never come
	refuse  atomic.Bool                   // a connection is closed as soon as it is made
	scripts atomic.Int32                  // that went through to the server
	late    atomic.Pointer[chan struct{}] // the next reply to a script says here that it came, and waits
}

func before(t testing.TB, target string) *proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{addr: l.Addr().String()}
	var all sync.WaitGroup
	var mu sync.Mutex
	var conns []net.Conn
	closed := false
	keep := func(c net.Conn) {
		mu.Lock()
		defer mu.Unlock()
		if conns = append(conns, c); closed {
			_ = c.Close()
		}
	}
	t.Cleanup(func() {
		_ = l.Close()
		mu.Lock()
		closed = true
		for _, c := range conns {
			_ = c.Close()
		}
		mu.Unlock()
		all.Wait()
	})
	all.Go(func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			keep(client)
			if p.refuse.Load() {
				_ = client.Close()
				continue
			}
			all.Go(func() {
				defer client.Close()
				server, err := net.Dial("tcp", target)
				if err != nil {
					return
				}
				defer server.Close()
				keep(server)
				p.serve(client, server)
			})
		}
	})
	return p
}

// serve passes one chunk to the server and one back. The client sends one command
// at a time, and the tests' are smaller than a chunk.
func (p *proxy) serve(client, server net.Conn) {
	fromClient, fromServer := bufio.NewReaderSize(client, 1<<16), bufio.NewReaderSize(server, 1<<16)
	for {
		request, err := chunk(fromClient)
		if err != nil {
			return
		}
		script := strings.Contains(strings.ToLower(request), "\r\neval")
		if script {
			p.scripts.Add(1)
		}
		if _, err := io.WriteString(server, request); err != nil {
			return
		}
		reply, err := chunk(fromServer)
		switch {
		case err != nil:
			return
		case script && p.mute.Load():
			_, _ = chunk(fromClient) // until the client gives up
			return
		case script && !strings.HasPrefix(reply, "-NOSCRIPT") && p.drop.Add(-1) >= 0:
			return
		case script:
			if at := p.late.Swap(nil); at != nil {
				*at <- struct{}{}
				<-*at
			}
		}
		if _, err := io.WriteString(client, reply); err != nil {
			return
		}
	}
}

// chunk reads what is there, at least one byte.
func chunk(r *bufio.Reader) (string, error) {
	if _, err := r.Peek(1); err != nil {
		return "", err
	}
	b := make([]byte, r.Buffered())
	_, err := io.ReadFull(r, b)
	return string(b), err
}

// calls is each kind of call once, on a request that is due and held by nobody.
var calls = []struct {
	name   string
	events int // on the request afterwards
	call   func(ctx context.Context, s *Store, k approvals.Kept) error
}{
	{"create", 1, func(ctx context.Context, s *Store, _ approvals.Kept) error {
		_, fresh, err := s.Create(ctx, creation(asked(7), amy, time.Minute))
		return want(err, fresh, "it was there already")
	}},
	{"swap", 2, func(ctx context.Context, s *Store, k approvals.Kept) error {
		got, err := s.Swap(ctx, next(k, amy, time.Minute, nil))
		return want(err, got.Mine && got.Revision == 2, "the swap was not mine")
	}},
	{"take", 1, func(ctx context.Context, s *Store, k approvals.Kept) error {
		got, _, err := s.Take(ctx, amy, time.Minute, 5)
		return want(err, len(got) == 1 && got[0].Mine && got[0].ID == k.ID, "nothing was taken")
	}},
	{"load", 1, func(ctx context.Context, s *Store, k approvals.Kept) error {
		got, err := s.Load(ctx, k.ID)
		return want(err, got.ID == k.ID, "another was loaded")
	}},
	{"open", 1, func(ctx context.Context, s *Store, _ approvals.Kept) error {
		got, err := s.Open(ctx, 5)
		return want(err, len(got) == 1, "none is open")
	}},
	{"outputs", 1, func(ctx context.Context, s *Store, k approvals.Kept) error {
		got, err := s.Outputs(ctx, k.ID)
		return want(err, len(got) == 0, "there are some")
	}},
}

func want(err error, good bool, otherwise string) error {
	if err == nil && !good {
		return errors.New(otherwise)
	}
	return err
}

func TestLostReplies(t *testing.T) {
	onEach(t, func(t *testing.T, srv *server) {
		for i, tt := range calls {
			for lost := int32(1); lost < attempts; lost++ {
				direct := made(t, New(dial(t, srv.addr), "T0"+tt.name+string('0'+lost), Options{}))
				k := create(t, direct, asked(i), amy, 0)
				p := before(t, srv.addr)
				s := New(dial(t, p.addr), "T0"+tt.name+string('0'+lost), Options{})
				p.drop.Store(lost)
				if err := tt.call(t.Context(), s, k); err != nil {
					t.Errorf("%s with %d replies lost: %v", tt.name, lost, err)
				}
				if p.drop.Load() >= 0 {
					t.Errorf("%s: no reply was lost", tt.name)
				}
				id := k.ID
				if tt.name == "create" {
					id = asked(7).ID
				}
				events, err := direct.Events(t.Context(), id, 0)
				if err != nil || len(events) != tt.events {
					t.Errorf("%s with %d replies lost: %d events, want %d, error %v", tt.name, lost, len(events), tt.events, err)
				}
			}
		}
	})
}

func TestReplyNeverComes(t *testing.T) {
	onEach(t, func(t *testing.T, srv *server) {
		for i, tt := range calls {
			direct := made(t, New(dial(t, srv.addr), "T0"+tt.name, Options{}))
			k := create(t, direct, asked(i), amy, 0)
			p := before(t, srv.addr)
			s := New(dial(t, p.addr), "T0"+tt.name, Options{})
			if err := s.Enter(t.Context()); err != nil {
				t.Fatal(err)
			}
			kind := approvals.ErrUncertain
			if tt.name == "load" || tt.name == "open" || tt.name == "outputs" {
				kind = approvals.ErrUnavailable // a read leaves nothing to be uncertain of
			}

			p.drop.Store(1000)
			if err := tt.call(t.Context(), s, k); !errors.Is(err, kind) {
				t.Errorf("%s, every reply cut off: %v, want %v", tt.name, err, kind)
			}

			p.mute.Store(true)
			var err error
			before := p.scripts.Load()
			for d := 50 * time.Millisecond; d < time.Minute && p.scripts.Load() == before; d *= 2 { // until it is sent in time
				ctx, cancel := context.WithTimeout(t.Context(), d)
				err = tt.call(ctx, s, k)
				cancel()
			}
			if !errors.Is(err, kind) || !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("%s, silence until the deadline: %v, want %v", tt.name, err, kind)
			}
		}
	})
}

func TestRedisAway(t *testing.T) {
	srv := startMini(t)
	k := create(t, srv.store(t), asked(1), amy, 0)
	closing := before(t, srv.addr)
	closing.refuse.Store(true)
	nobody := net.JoinHostPort("127.0.0.1", "1")
	vault := errors.New("the vault is sealed")
	tests := []struct {
		why    string
		client redis.UniversalClient
	}{
		{"nobody listens", dial(t, nobody)},
		{"connections are closed in the handshake", dial(t, closing.addr)},
		{"the password cannot be read", dial(t, srv.addr, func(c *Connection) {
			c.Password = func(context.Context) (string, error) { return "", vault }
		})},
		{"the only connection is in use", busy(t, srv.addr)},
		{"the client was closed", closed(t, srv.addr)},
	}
	for _, tt := range tests {
		s := New(tt.client, "T0TEST", Options{})
		for _, c := range calls {
			err := c.call(t.Context(), s, k)
			if !errors.Is(err, approvals.ErrUnavailable) || errors.Is(err, approvals.ErrUncertain) {
				t.Errorf("%s: %s: %v", tt.why, c.name, err)
			}
		}
		if _, err := s.Events(t.Context(), k.ID, 0); !errors.Is(err, approvals.ErrUnavailable) {
			t.Errorf("%s: events: %v", tt.why, err)
		}
		if err := s.Enter(t.Context()); !errors.Is(err, approvals.ErrUnavailable) {
			t.Errorf("%s: ping: %v", tt.why, err)
		}
	}
	if err := New(tests[2].client, "T0TEST", Options{}).Enter(t.Context()); !errors.Is(err, vault) {
		t.Errorf("the reason is lost: %v", err)
	}
}

// busy is a client whose one connection somebody keeps.
func busy(t *testing.T, addr string) redis.UniversalClient {
	client := redis.NewClient(&redis.Options{
		Addr: addr, PoolSize: 1, PoolTimeout: time.Millisecond, MaxRetries: -1, Protocol: 2, DisableIdentity: true,
	})
	conn := client.Conn()
	if err := conn.Ping(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(); _ = client.Close() })
	return client
}

func closed(t *testing.T, addr string) redis.UniversalClient {
	client := dial(t, addr)
	_ = client.Close()
	return client
}

func TestRefusalsOfRedis(t *testing.T) {
	tests := []struct {
		says string
		kind error
		why  string
	}{
		{"LOADING Redis is loading the dataset in memory", approvals.ErrUnavailable, "not yet up"},
		{"READONLY You can't write against a read only replica.", approvals.ErrUnavailable, "the master has moved"},
		{"MASTERDOWN Link with MASTER is down", approvals.ErrUnavailable, "a replica without its master"},
		{"OOM command not allowed when used memory > 'maxmemory'.", approvals.ErrUnavailable, "full"},
		{"NOAUTH Authentication required.", approvals.ErrUnavailable, "no password"},
		{"MISCONF Redis is configured to save RDB snapshots", approvals.ErrUnavailable, "its disk is full"},
		{"CLUSTERDOWN The cluster is down", approvals.ErrUnavailable, "too few masters"},
		{"BUSY Redis is busy running a script.", approvals.ErrUnavailable, "another script hangs"},
		{"NOPERM this user has no permissions to run the 'evalsha' command", approvals.ErrUnavailable, "refused before the script"},
		{"NOPERM ACL failure in script: x script: 12ab, on @user_script:9.", approvals.ErrUncertain, "perhaps after a write"},
		{"WRONGTYPE Operation against a key holding the wrong kind of value", approvals.ErrUncertain, "in the script"},
		{"ERR unknown command 'EVALSHA', with args beginning with: 'hunter2'", approvals.ErrUnavailable, "renamed away"},
		{"ERR unknown command `EVALSHA`, with args beginning with: `hunter2`", approvals.ErrUnavailable, "renamed away, in 6.2's words"},
		{"ERR wrong number of arguments for 'evalsha' command", approvals.ErrUnavailable, "refused before the script"},
		{"ERR Error compiling script (new function): user_script:1: '=' expected near 'error'", approvals.ErrUnavailable, "a Lua of another kind"},
		{"CROSSSLOT Keys in request don't hash to the same slot", approvals.ErrUnavailable, "a cluster's word before the script"},
		{"NOPERM this user has no permissions to access one of the keys used as arguments", approvals.ErrUnavailable, "keys of others"},
		{"ERR Unknown Redis command called from script script: 12ab, on @user_script:9.", approvals.ErrUncertain, "perhaps after a write"},
		{"ERR The user executing the script can't run this command or subcommand script: 12ab, on @user_script:9.", approvals.ErrUncertain, "perhaps after a write"},
		{"ERR wrong number of arguments for 'hset' command script: 12ab, on @user_script:9.", approvals.ErrUncertain, "perhaps after a write"},
		{"ERR Error running script (call to f_12ab): @user_script:9: @user_script: 9: Unknown Redis command called from Lua script", approvals.ErrUncertain, "the same in 6.2's words"},
		{"ERR upstream failure", approvals.ErrUncertain, "a proxy that lost Redis' answer"},
		{"ERR something else", approvals.ErrUncertain, "who knows"},
	}
	for _, tt := range tests {
		srv := startMini(t)
		s := srv.store(t)
		k := create(t, s, asked(1), amy, 0)
		srv.mini.SetError(tt.says)
		_, err := s.Swap(t.Context(), next(k, amy, 0, nil))
		if !errors.Is(err, tt.kind) {
			t.Errorf("%s: %v, want %v", tt.why, err, tt.kind)
		}
		word, rest, _ := strings.Cut(tt.says, " ")
		if err == nil || !strings.Contains(err.Error(), word) || strings.Contains(err.Error(), rest) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %q should hold how Redis' answer begins and no more", tt.why, err)
		}
	}
}

func TestRefusalsThatPassAreTriedAgain(t *testing.T) {
	srv := startMini(t)
	s := srv.store(t)
	k := create(t, s, asked(1), amy, 0)
	srv.mini.SetError("LOADING Redis is loading the dataset in memory")
	time.AfterFunc(time.Millisecond, func() { srv.mini.SetError("") })
	until(t, "the swap wins", func() bool {
		_, err := s.Swap(t.Context(), next(k, amy, 0, nil))
		return err == nil
	})
}

// A real server without memory refuses inside the script, at its first write.
func TestFullRedisWritesNothing(t *testing.T) {
	srv := startReal(t)
	s := srv.store(t)
	k := create(t, s, asked(1), amy, 0)
	if err := s.client.ConfigSet(t.Context(), "maxmemory", "1").Err(); err != nil {
		t.Fatal(err)
	}
	_, err := s.Swap(t.Context(), next(k, amy, 0, nil))
	if !errors.Is(err, approvals.ErrUnavailable) {
		t.Errorf("a swap without memory: %v", err)
	}
	if got, err := s.Load(t.Context(), k.ID); err != nil || got.Revision != 1 {
		t.Errorf("revision %d, error %v", got.Revision, err)
	}
}

func TestForgottenScriptsAreSentAgain(t *testing.T) {
	onEach(t, func(t *testing.T, srv *server) {
		s := srv.store(t)
		k := create(t, s, asked(1), amy, 0)
		for range 2 {
			if err := s.client.ScriptFlush(t.Context()).Err(); err != nil {
				t.Fatal(err)
			}
			var err error
			if k, err = s.Swap(t.Context(), next(k, amy, 0, nil)); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func TestOneRoundTripForAMove(t *testing.T) {
	onEach(t, func(t *testing.T, srv *server) {
		p := before(t, srv.addr)
		srv.store(t) // for its mark
		s := New(dial(t, p.addr), "T0TEST", Options{})
		k := create(t, s, asked(1), amy, time.Minute)
		k, err := s.Swap(t.Context(), next(k, amy, time.Minute, nil)) // teaches Redis the script
		if err != nil {
			t.Fatal(err)
		}
		was := p.scripts.Load()
		for range 3 {
			if k, err = s.Swap(t.Context(), next(k, amy, time.Minute, nil)); err != nil {
				t.Fatal(err)
			}
		}
		if n := p.scripts.Load() - was; n != 3 {
			t.Errorf("%d round trips for 3 moves", n)
		}
	})
}

func TestPasswords(t *testing.T) {
	const password = "hunter2-canary"
	srv := startReal(t, "--requirepass", password)
	var asks atomic.Int32
	given := "wrong-" + password
	client := dial(t, srv.addr, func(c *Connection) {
		c.Password = func(context.Context) (string, error) { asks.Add(1); return given, nil }
	})
	s := made(t, New(client, "T0TEST", Options{}))
	_, _, err := s.Create(t.Context(), creation(asked(1), amy, 0))
	if !errors.Is(err, approvals.ErrUnavailable) || strings.Contains(err.Error(), password) {
		t.Errorf("wrong password: %v", err)
	}
	given = password
	before := asks.Load()
	made(t, s)
	create(t, s, asked(1), amy, 0)
	if asks.Load() == before {
		t.Error("the password was not read when connecting")
	}
}

func TestDialRefusesURLs(t *testing.T) {
	for _, address := range []string{"redis://me:hunter2@127.0.0.1:6379", "127.0.0.1", "", "me:hunter2@127.0.0.1:6379"} {
		_, err := Dial(Connection{Addresses: []string{address}})
		if err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%q: %v", address, err)
		}
	}
	if _, err := Dial(Connection{}); err == nil {
		t.Error("no address at all was taken")
	}
}

// How old an answer may be counts from before the question: it may be long under way.
func TestAnAnswerThatIsLongUnderWay(t *testing.T) {
	onEach(t, func(t *testing.T, srv *server) {
		p := before(t, srv.addr)
		srv.store(t) // for its mark
		s := New(dial(t, p.addr), "T0TEST", Options{})
		k := create(t, s, asked(1), amy, time.Minute)
		release := make(chan struct{})
		p.late.Store(&release)
		loaded := make(chan approvals.Kept, 1)
		go func() {
			k, err := s.Load(t.Context(), k.ID)
			if err != nil {
				t.Error(err)
			}
			loaded <- k
		}()
		<-release // the answer lies at the proxy
		at := time.Now()
		release <- struct{}{}
		got := <-loaded
		if late := time.Since(at); got.Latest().Sub(got.Now) < late {
			t.Errorf("it was under way for %v, and its age is said to be %v", late, got.Latest().Sub(got.Now))
		}
		if got.Clock().After(got.Latest()) {
			t.Errorf("%v is after the latest, %v", got.Clock(), got.Latest())
		}
	})
}
