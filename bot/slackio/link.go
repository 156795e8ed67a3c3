package slackio

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gorilla/websocket"
)

const (
	writeBuffer = 32 << 10 // a frame that does not fit is sent in parts, which Slack drops
	readLimit   = 4 << 20  // a click brings its whole message along
	maxAck      = 20_000   // bytes; Slack drops acks from 20 KB on without a word
)

var errAckTooLong = errors.New("the ack is longer than Slack takes")

// frame is what Slack sends over a socket.
type frame struct {
	Type         string          `json:"type"`
	Reason       string          `json:"reason"` // of disconnect
	EnvelopeID   string          `json:"envelope_id"`
	Payload      json.RawMessage `json:"payload"`
	Accepts      bool            `json:"accepts_response_payload"`
	RetryAttempt int             `json:"retry_attempt"`
	Info         struct {
		AppID string `json:"app_id"`
	} `json:"connection_info"` // of hello
}

// link is one connection. One goroutine reads it; acks are written from many.
type link struct {
	conn  *websocket.Conn
	log   *slog.Logger
	times times
	open  *atomic.Int32
	since time.Time

	hello   chan struct{} // closed when Slack has greeted
	leaving chan struct{} // closed when Slack announces the end
	ended   chan struct{} // closed when nothing is read any more
	once    sync.Once
	pinged  atomic.Int64 // when Slack last pinged, in Unix nanoseconds; 0: never
	writing sync.Mutex

	mu     sync.Mutex
	reason string // why it ends; the first counts
	app    string // as hello says
}

// dial opens the socket at address, which is in no error.
func (s *Slack) dial(ctx context.Context, address string) (*link, error) {
	d := websocket.Dialer{
		Proxy: s.cfg.transport.Proxy, NetDialContext: s.cfg.transport.DialContext, TLSClientConfig: socketTLS(s.cfg.transport),
		HandshakeTimeout: s.times.handshake, ReadBufferSize: writeBuffer, WriteBufferSize: writeBuffer,
	}
	conn, resp, err := d.DialContext(ctx, address, nil)
	if resp != nil && resp.Body != nil {
		_ = resp.Body.Close()
	}
	if err != nil {
		why, cause := s.broken(err)
		return nil, &failure{method: "socket", why: why, cause: cause}
	}
	conn.SetReadLimit(readLimit)
	return &link{
		conn: conn, log: s.log, times: s.times, open: &s.open, since: time.Now(),
		hello: make(chan struct{}), leaving: make(chan struct{}), ended: make(chan struct{}),
	}, nil
}

// read hands each envelope to receive, which must not block, until the connection ends.
func (l *link) read(receive func(*link, frame)) {
	stop := make(chan struct{})
	var pinging sync.WaitGroup
	pinging.Go(func() { l.ping(stop) })
	defer func() {
		l.close()
		close(stop)
		pinging.Wait()
		if isClosed(l.hello) {
			l.open.Add(-1)
		}
		close(l.ended)
	}()
	l.conn.SetPongHandler(func(string) error { return l.alive() })
	l.conn.SetPingHandler(func(text string) error {
		l.pinged.Store(time.Now().UnixNano())
		_ = l.conn.WriteControl(websocket.PongMessage, []byte(text), time.Now().Add(l.times.write))
		return l.alive()
	})
	_ = l.alive()
	for {
		_, b, err := l.conn.ReadMessage()
		if err != nil {
			l.end(readEnd(err))
			return
		}
		_ = l.alive()
		var f frame
		if json.Unmarshal(b, &f) != nil {
			l.log.Warn("slack sent a frame that is not JSON", "bytes", len(b))
			continue
		}
		l.frame(f, receive)
	}
}

func (l *link) frame(f frame, receive func(*link, frame)) {
	switch {
	case f.Type == "hello":
		l.mu.Lock()
		l.app = f.Info.AppID
		l.mu.Unlock()
		if !isClosed(l.hello) {
			l.open.Add(1)
			close(l.hello)
		}
	case f.Type == "disconnect":
		l.disconnect(f.Reason)
	case f.EnvelopeID != "":
		receive(l, f)
	default:
		l.log.Debug("slack sent a frame of an unknown type", "type", plainCode(f.Type))
	}
}

// disconnect is Slack's word that the connection ends, now or soon.
func (l *link) disconnect(reason string) {
	if reason = plainCode(reason); reason == "" {
		reason = "disconnect"
	}
	l.end(reason)
	if reason == "link_disabled" || reason == "too_many_websockets" {
		l.close()
		return
	}
	if !isClosed(l.leaving) {
		close(l.leaving)
	}
}

// alive moves the deadline by which something must be heard.
func (l *link) alive() error {
	return l.conn.SetReadDeadline(time.Now().Add(l.times.ping + l.times.pong))
}

// ping asks regularly whether the other end is there, and ends a connection on which Slack's own
// pings have stopped: something in between may answer for it.
func (l *link) ping(stop chan struct{}) {
	t := time.NewTicker(l.times.ping)
	defer t.Stop()
	for {
		select {
		case <-stop:
			return
		case <-t.C:
		}
		if last := l.pinged.Load(); last != 0 && time.Since(time.Unix(0, last)) > l.times.silence {
			l.end("no pings from slack")
			l.close()
			return
		}
		// An error here is found by the reader, too.
		_ = l.conn.WriteControl(websocket.PingMessage, nil, time.Now().Add(l.times.write))
	}
}

// ack answers an envelope on this connection. After [errAckTooLong] nothing was sent; after any other
// error nobody knows.
func (l *link) ack(envelope string, payload any) error {
	b, err := encode(struct {
		EnvelopeID string `json:"envelope_id"`
		Payload    any    `json:"payload,omitempty"`
	}{envelope, payload})
	if err != nil {
		return errors.New("the answer cannot be written as JSON")
	}
	if len(b) > maxAck {
		return errAckTooLong
	}
	l.writing.Lock()
	defer l.writing.Unlock()
	if isClosed(l.ended) {
		return errors.New("the connection it came from has ended")
	}
	_ = l.conn.SetWriteDeadline(time.Now().Add(l.times.write))
	if err := l.conn.WriteMessage(websocket.TextMessage, b); err != nil {
		l.end("a write failed")
		l.close() // after a broken write nothing else can be sent on it
		return errors.New("the connection it came from is broken")
	}
	return nil
}

// end notes why the connection ends.
func (l *link) end(reason string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.reason == "" {
		l.reason = reason
	}
}

func (l *link) why() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.reason
}

func (l *link) appID() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.app
}

// close ends the connection; the reader finds out. Repeats do nothing.
func (l *link) close() {
	l.once.Do(func() {
		l.end("closed here")
		_ = l.conn.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(websocket.CloseNormalClosure, ""), time.Now().Add(l.times.write))
		_ = l.conn.Close()
	})
}

// readEnd is why reading stopped, without the text of others.
func readEnd(err error) string {
	var n interface{ Timeout() bool }
	switch {
	case errors.As(err, &n) && n.Timeout():
		return "nothing was heard, not even a pong"
	case websocket.IsCloseError(err, websocket.CloseNormalClosure, websocket.CloseGoingAway):
		return "closed by slack"
	case errors.Is(err, websocket.ErrReadLimit):
		return "a frame was too long"
	}
	return "the connection was lost"
}

// encode writes JSON without turning < > & into six bytes each: an ack's size is limited.
func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(v)
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), err
}

func isClosed(c chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// socketTLS is the transport's own TLS setting, without HTTP/2: a socket begins as HTTP/1.1.
func socketTLS(t *http.Transport) *tls.Config {
	if t.TLSClientConfig == nil {
		return nil
	}
	c := t.TLSClientConfig.Clone()
	c.NextProtos = nil
	return c
}
