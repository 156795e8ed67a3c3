package bmclient

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// A gate is used or sealed, never both, and stays what it is.
func TestGate(t *testing.T) {
	for range 2000 {
		var (
			g       gate
			wg      sync.WaitGroup
			passed  bool
			sealed  bool
			pass2nd bool
		)
		wg.Go(func() { passed = g.pass() })
		wg.Go(func() { sealed = g.seal() })
		wg.Wait()
		pass2nd = g.pass()
		if passed == sealed || pass2nd != passed || g.seal() != sealed {
			t.Fatalf("passed %v, sealed %v, passed later %v", passed, sealed, pass2nd)
		}
	}
}

func TestSealedConnWritesNothing(t *testing.T) {
	ours, theirs := net.Pipe()
	defer theirs.Close()
	if err := ours.SetDeadline(time.Now().Add(time.Second)); err != nil { // a write that gets through would wait for a reader
		t.Fatal(err)
	}
	var g gate
	conn := gatedConn{ours, &g}
	if !g.seal() {
		t.Fatal("an unused gate cannot be sealed")
	}
	if n, err := conn.Write([]byte("x")); n != 0 || !errors.Is(err, errSealed) {
		t.Errorf("wrote %d, %v", n, err)
	}
	ours.Close()
	if rest, _ := io.ReadAll(theirs); len(rest) != 0 {
		t.Errorf("%q came through", rest)
	}
}

// A request carries nothing that lets net/http send it again on its own.
func TestRequestCannotBeReplayed(t *testing.T) {
	c, err := New(Config{ReadKey: noKey})
	if err != nil {
		t.Fatal(err)
	}
	for _, method := range []string{http.MethodGet, http.MethodPost} {
		req := c.newRequest(t.Context(), signedCall{method: method, query: "a=b", body: "a=b"})
		if req.GetBody != nil || req.Body == nil || req.Body == http.NoBody {
			t.Errorf("%s has GetBody %v, body %v", method, req.GetBody != nil, req.Body)
		}
	}
	tr := c.runTransport(t.Context(), new(gate))
	if !tr.DisableKeepAlives || tr.ForceAttemptHTTP2 || tr.TLSClientConfig.MinVersion < 0x0303 {
		t.Errorf("keep-alives off %v, HTTP/2 %v, TLS %x", tr.DisableKeepAlives, tr.ForceAttemptHTTP2, tr.TLSClientConfig.MinVersion)
	}
}

// proxy answers CONNECT with a status, and for 200 carries the bytes.
func proxy(t *testing.T, status int) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			serving.Go(func() { defer conn.Close(); carry(conn, status) })
		}
	})
	t.Cleanup(func() { ln.Close(); serving.Wait() })
	return ln.Addr().String()
}

func carry(conn net.Conn, status int) {
	br := bufio.NewReader(conn)
	req, err := http.ReadRequest(br)
	if err != nil {
		return
	}
	fmt.Fprintf(conn, "HTTP/1.1 %d canary-status\r\nContent-Length: 0\r\n\r\n", status)
	if status != http.StatusOK {
		return
	}
	there, err := net.Dial("tcp", req.Host)
	if err != nil {
		return
	}
	defer there.Close()
	go func() { _, _ = io.Copy(there, br); there.Close() }()
	_, _ = io.Copy(conn, there)
}

func TestThroughAProxy(t *testing.T) {
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()
	tests := []struct {
		why, proxy string
		ok         bool
		notSent    bool
	}{
		{"it carries TLS and sees nothing", proxy(t, 200), true, false},
		{"it refuses: what was written to it counts as sent", proxy(t, 403), false, false},
		{"it is not there", closed.Addr().String(), false, true},
	}
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `{"code":0}`) }))
	srv.Config.ErrorLog = log.New(io.Discard, "", 0)
	srv.StartTLS()
	defer srv.Close()
	roots := x509.NewCertPool()
	roots.AddCert(srv.Certificate())
	for _, tt := range tests {
		t.Run(tt.why, func(t *testing.T) {
			c, err := New(Config{Endpoint: srv.URL, ReadKey: noKey, RootCAs: roots})
			if err != nil {
				t.Fatal(err)
			}
			c.proxy = http.ProxyURL(&url.URL{Scheme: "http", User: url.UserPassword("u", "canary-proxy"), Host: tt.proxy})
			_, err = c.Run(t.Context(), Key{ID: "id", Secret: word("s")}, Run{CmdID: "c", Hosts: []string{"h"}, User: "root", Password: word("p")})
			if (err == nil) != tt.ok || errors.Is(err, ErrNotSent) != tt.notSent {
				t.Errorf("got %v", err)
			}
			if strings.Contains(fmt.Sprintf("%+v", err), "canary") {
				t.Errorf("the proxy's password or words are in %q", err)
			}
		})
	}
}

func TestWaitTimer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		if !waitTimer(t.Context(), time.Minute) || time.Since(began) != time.Minute {
			t.Errorf("waited %v", time.Since(began))
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		began = time.Now()
		if waitTimer(ctx, time.Minute) || time.Since(began) != 0 {
			t.Errorf("a wait that cannot end in time took %v", time.Since(began))
		}
		ctx, cancel = context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		if waitTimer(ctx, time.Minute) || time.Since(began) != time.Second {
			t.Errorf("a wait that was cut off took %v", time.Since(began))
		}
	})
}

func TestPause(t *testing.T) {
	c, err := New(Config{ReadKey: noKey, ReadBackoff: 100 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		again   again
		attempt int
		most    time.Duration
	}{
		{againSoon, 1, 100 * time.Millisecond},
		{againSoon, 3, 400 * time.Millisecond},
		{againSlow, 1, time.Second},
		{againSoon, 1000, 102400 * time.Millisecond},
	}
	for _, tt := range tests {
		for range 100 {
			if d := c.pause(tt.again, tt.attempt); d < tt.most/2 || d > tt.most {
				t.Errorf("attempt %d: %v, want %v to %v", tt.attempt, d, tt.most/2, tt.most)
			}
		}
	}
}

// What fault lets through is known not to hold an address with a query, a proxy's password, or bytes of the other side.
func TestFault(t *testing.T) {
	canary := errors.New("canary")
	ended, cancel := context.WithCancelCause(t.Context())
	cancel(canary)
	tests := []struct {
		why string
		ctx context.Context
		err error
		is  error
	}{
		{"a URL", t.Context(), &url.Error{Op: "Post", URL: "https://canary", Err: io.EOF}, io.EOF},
		{"cut short", t.Context(), fmt.Errorf("canary: %w", io.ErrUnexpectedEOF), io.ErrUnexpectedEOF},
		{"no such name", t.Context(), &net.OpError{Op: "dial", Err: &net.DNSError{Err: "no such host", Name: "bm.invalid", IsNotFound: true}}, nil},
		{"a proxy's words", t.Context(), &net.OpError{Op: "proxyconnect", Net: "tcp", Err: canary}, errBroken},
		{"a reset", t.Context(), fmt.Errorf("canary: %w", &net.OpError{Op: "read", Net: "tcp", Err: os.NewSyscallError("canary", syscall.ECONNRESET)}), syscall.ECONNRESET},
		{"a time-out", t.Context(), &net.OpError{Op: "read", Err: os.ErrDeadlineExceeded}, os.ErrDeadlineExceeded},
		{"not HTTP", t.Context(), errors.New("malformed HTTP response canary"), errBroken},
		{"a certificate", t.Context(), &tls.CertificateVerificationError{Err: x509.UnknownAuthorityError{}}, x509.UnknownAuthorityError{}},
		{"a certificate, otherwise", t.Context(), &tls.CertificateVerificationError{Err: canary}, errCertificate},
		{"no TLS", t.Context(), tls.RecordHeaderError{Msg: "canary"}, errNotTLS},
		{"the context ended: its cause is the caller's own affair", ended, canary, context.Canceled},
	}
	for _, tt := range tests {
		t.Run(tt.why, func(t *testing.T) {
			got := fault(tt.ctx, tt.err)
			if tt.is != nil && !errors.Is(got, tt.is) {
				t.Errorf("%v is not %v", got, tt.is)
			}
			if strings.Contains(fmt.Sprintf("%v %+v %#v", got, got, got), "canary") {
				t.Errorf("%#v", got)
			}
		})
	}
}
