package vault

import (
	"errors"
	"io"
	"net/http"
)

// maxAnswer is the largest answer of the vault that is read, in bytes. KV
// version 2 stores at most 1 MiB in one secret by default, mostly far less.
const maxAnswer = 1 << 20

var errTooLarge = errors.New("answer too large")

// limited cuts answers at maxAnswer bytes, unpacked.
type limited struct{ next *http.Transport }

func (l limited) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := l.next.RoundTrip(req)
	if err == nil {
		resp.Body = &limitedBody{resp.Body, maxAnswer}
	}
	return resp, err
}

func (l limited) CloseIdleConnections() { l.next.CloseIdleConnections() }

type limitedBody struct {
	io.ReadCloser
	left int64
}

func (b *limitedBody) Read(p []byte) (int, error) {
	if b.left < 0 {
		return 0, errTooLarge
	}
	if int64(len(p)) > b.left+1 {
		p = p[:b.left+1]
	}
	n, err := b.ReadCloser.Read(p)
	b.left -= int64(n)
	if b.left < 0 {
		return n, errTooLarge
	}
	return n, err
}
