package bmclient_test

import (
	"bytes"
	"context"
	"log"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/bmcmd/bmcmd/bmclient"
	"github.com/bmcmd/bmcmd/bmclient/bmtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// word is a Secret for tests.
type word string

func (w word) Reveal() string { return string(w) }

// Canaries: whatever is printed, logged or returned may hold none of them.
const (
	keyID     = "AKIDcanary/id+00"
	keySecret = "canary&key=secret/1"
	password  = "canary p@ss/w+rd&=%"
	token     = "canary-token/+=="
)

var runKey = bmclient.Key{ID: keyID, Secret: word(keySecret)}

func keySource(k bmclient.Key) bmclient.KeySource {
	return func(context.Context) (bmclient.Key, error) { return k, nil }
}

func order() bmclient.Run {
	return bmclient.Run{
		CmdID: "cmd-nozcbhuw", Hosts: []string{"ins-1", "ins-2"}, Parameters: []byte("-a -b"), User: "root", Password: word(password),
	}
}

const content = "#!/bin/bash\n\necho \"hello\""

// startAPI starts a bmtest server with one script, two hosts and one key.
func startAPI(t testing.TB, opts ...bmtest.Option) *bmtest.Server {
	t.Helper()
	api := bmtest.New(opts...)
	api.AddScript(bmtest.Script{
		CmdID: "cmd-nozcbhuw", Alias: "hello", Content: []byte(content),
		Created: time.Date(2017, 10, 19, 11, 29, 35, 0, time.UTC), Modified: time.Date(2017, 10, 19, 16, 26, 55, 0, time.UTC),
	})
	api.AddHost("ins-1", map[string]string{"root": password})
	api.AddHost("ins-2", map[string]string{"root": password})
	api.AddKey(keyID, keySecret, bmtest.MayRead|bmtest.MayRun)
	if err := api.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(api.Close)
	return api
}

// newClient makes a client whose reads come back almost at once.
func newClient(t testing.TB, endpoint string, alter ...func(*bmclient.Config)) *bmclient.Client {
	t.Helper()
	cfg := bmclient.Config{Endpoint: endpoint, ReadKey: keySource(runKey), ReadBackoff: time.Millisecond}
	for _, f := range alter {
		f(&cfg)
	}
	c, err := bmclient.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// serve starts a plain server for answers that bmtest would not give.
func serve(t testing.TB, h http.HandlerFunc) *httptest.Server {
	t.Helper()
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	return srv
}

// buffer is a log that many goroutines may write.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

func (b *buffer) logger() *slog.Logger {
	return slog.New(slog.NewJSONHandler(b, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

func (b *buffer) plain() *log.Logger { return log.New(b, "", 0) }
