package bmclient

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

const (
	longestRead = 8 << 20  // bytes of an answer to a read
	longestList = 32 << 20 // bytes of an answer that holds what hosts wrote
	longestRun  = 1 << 20  // bytes of an answer to RunUserCmd, which is tiny
)

var (
	errNotTLS      = errors.New("the other side does not speak TLS")
	errBroken      = errors.New("the connection broke, or what came back is not HTTP")
	errSealed      = errors.New("the attempt was given up before its first byte")
	errCertificate = errors.New("the certificate was refused")
	errRedirect    = errors.New("the answer is a redirect, which is never followed")
)

// longest is how many bytes of an answer are read.
func (c *Client) longest(to purpose) int64 {
	switch to {
	case toRun:
		return longestRun
	case toListHosts, toListScripts, toListTasks: // 3.0 lists scripts with their contents, TAT tasks with their scripts
		return c.longestList
	case toReadScript, toListMachines, toStop:
	}
	return longestRead
}

// reply is a whole answer over HTTP.
type reply struct {
	status int
	date   string
	body   []byte
}

// roundTrip sends once and reads the whole answer. It uses the transport without http.Client, so nothing follows a redirect and
// no error holds a URL. Its error is one that fault allows.
func roundTrip(rt http.RoundTripper, req *http.Request, limit int64) (reply, error) {
	resp, err := rt.RoundTrip(req)
	if err != nil {
		return reply{}, fault(req.Context(), err)
	}
	defer resp.Body.Close()
	r := reply{status: resp.StatusCode, date: resp.Header.Get("Date")}
	if r.body, err = readAll(resp, limit); err != nil {
		if !errors.Is(err, ErrTooLong) {
			err = fault(req.Context(), err)
		}
		return r, err
	}
	if r.status >= 300 && r.status < 400 {
		return r, errRedirect
	}
	return r, nil
}

func readAll(resp *http.Response, limit int64) ([]byte, error) {
	if resp.ContentLength > limit {
		return nil, ErrTooLong
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, limit+1))
	if err == nil && int64(len(body)) > limit {
		err = ErrTooLong
	}
	return body, err
}

// newRequest makes a POST with a body, or a GET with a query. It sets no GetBody, and gives a GET an empty body that is not
// http.NoBody: either keeps net/http from sending the same bytes again on its own when a kept connection breaks.
func (c *Client) newRequest(ctx context.Context, call signedCall) *http.Request {
	u := c.url
	u.Host = c.hostFor(call.at)
	req := &http.Request{
		Method: call.method, URL: &u, Host: u.Host, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{"User-Agent": {"bmcmd"}, "Accept": {"application/json"}},
	}
	for k, v := range call.header {
		req.Header.Set(k, v)
	}
	if call.method == http.MethodGet {
		u.RawQuery = call.query
		req.Body, req.ContentLength = io.NopCloser(strings.NewReader("")), -1
	} else {
		req.Body, req.ContentLength = io.NopCloser(strings.NewReader(call.body)), int64(len(call.body))
	}
	return req.WithContext(ctx)
}

// gate stands between one request and the wire. It is either used by the first byte or sealed for good, never both, so that
// "nothing was sent" is still true after it was said. It looks at the time itself: a process that was stopped between its last
// check and the first byte wakes up before its timers do.
type gate struct {
	state atomic.Int32
	until time.Time // no first byte passes after it; zero: any time
}

const (
	gateOpen int32 = iota
	gateUsed
	gateSealed
)

func (g *gate) pass() bool {
	if g.state.Load() == gateOpen && !g.until.IsZero() && time.Now().After(g.until) {
		g.seal()
	}
	return g.state.CompareAndSwap(gateOpen, gateUsed) || g.state.Load() == gateUsed
}

// seal reports whether nothing has passed; then nothing ever will.
func (g *gate) seal() bool {
	return g.state.CompareAndSwap(gateOpen, gateSealed) || g.state.Load() == gateSealed
}

// gatedConn asks the gate before each write.
type gatedConn struct {
	net.Conn
	gate *gate
}

func (c gatedConn) Write(b []byte) (int, error) {
	if !c.gate.pass() {
		return 0, errSealed
	}
	return c.Conn.Write(b)
}

// runTransport serves one RunUserCmd and is then thrown away: nothing can be kept, shared or sent again. The gate stands above
// TLS, so a handshake that fails has sent no byte of the request. Through a proxy it stands below, where the CONNECT already counts
// as sent: less can be proved there, and less is claimed. Dialling ends with ctx.
func (c *Client) runTransport(ctx context.Context, g *gate) *http.Transport {
	t := c.newTransport()
	dialer := net.Dialer{Timeout: c.cfg.RunTimeout}
	t.DisableKeepAlives = true
	t.DialContext = func(_ context.Context, network, addr string) (net.Conn, error) {
		conn, err := dialer.DialContext(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		return gatedConn{conn, g}, nil
	}
	t.DialTLSContext = func(_ context.Context, network, addr string) (net.Conn, error) {
		host, _, err := net.SplitHostPort(addr)
		if err != nil {
			return nil, err
		}
		cfg := c.tlsConfig()
		cfg.ServerName = host
		conn, err := (&tls.Dialer{NetDialer: &dialer, Config: cfg}).DialContext(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		return gatedConn{conn, g}, nil
	}
	return t
}

// fault reduces an error of the network to one whose text is known to hold no URL, no proxy password and nothing of what the other
// side sent.
func fault(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	for _, plain := range []error{io.ErrUnexpectedEOF, io.EOF, errSealed, context.DeadlineExceeded, context.Canceled} {
		if errors.Is(err, plain) {
			return plain
		}
	}
	var (
		dns    *net.DNSError
		cert   *tls.CertificateVerificationError
		header tls.RecordHeaderError
		errno  syscall.Errno
		op     *net.OpError
		timed  net.Error
	)
	switch {
	case errors.As(err, &dns):
		return &net.DNSError{Err: dns.Err, Name: dns.Name, IsNotFound: dns.IsNotFound, IsTimeout: dns.IsTimeout}
	case errors.As(err, &cert):
		return certFault(cert.Err)
	case errors.As(err, &header):
		return errNotTLS
	case errors.As(err, &errno):
		if errors.As(err, &op) {
			return &net.OpError{Op: op.Op, Net: op.Net, Addr: op.Addr, Err: errno}
		}
		return errno
	case errors.As(err, &timed) && timed.Timeout():
		return os.ErrDeadlineExceeded
	}
	return errBroken
}

// certFault keeps what the standard library says of a certificate; its names come from the certificate and the endpoint.
func certFault(err error) error {
	if isCertificate(err) {
		return err
	}
	return errCertificate
}
