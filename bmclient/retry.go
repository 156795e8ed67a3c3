package bmclient

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"math/rand/v2"
	"net/http"
	"time"
)

// waiter pauses, and reports false when ctx ends or would end first.
type waiter func(ctx context.Context, d time.Duration) bool

func waitTimer(ctx context.Context, d time.Duration) bool {
	if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) <= d {
		return false
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// mostSends is how often a read is sent in all.
func (c *Client) mostSends(a again) int {
	switch a {
	case againOnce:
		return min(2, c.cfg.ReadAttempts)
	case againFew:
		return min(3, c.cfg.ReadAttempts)
	case againSoon, againSlow:
		return c.cfg.ReadAttempts
	case againNever:
	}
	return 1
}

// pause doubles with each attempt and is spread over half to the whole of it, so that many readers do not come back together.
func (c *Client) pause(a again, attempt int) time.Duration {
	d := c.cfg.ReadBackoff << min(attempt-1, 10)
	if a == againSlow {
		d *= 10
	}
	return d/2 + rand.N(d/2+1)
}

// againAfter says whether a read that ended with err may be sent again. What will not change by itself is not asked twice: a
// redirect, a certificate, an answer that is too long.
func againAfter(err error) again {
	var e *Error
	if !errors.As(err, &e) {
		return againNever
	}
	switch {
	case e.Number != 0 && e.HTTPStatus < http.StatusInternalServerError:
		return lookUp(e.Number).read
	case e.Code != "" && e.HTTPStatus < http.StatusInternalServerError:
		return e.again
	case errors.Is(e.cause, errRedirect), errors.Is(e.cause, ErrTooLong), errors.Is(e.cause, errNotTLS), isCertificate(e.cause):
		return againNever
	case e.HTTPStatus >= 400 && e.HTTPStatus < 500:
		return againAfter4xx(e.HTTPStatus)
	case e.Number == 0 && e.Name != "" && e.HTTPStatus < http.StatusInternalServerError:
		return againNever
	}
	return againSoon
}

func againAfter4xx(status int) again {
	if status == http.StatusTooManyRequests || status == http.StatusRequestTimeout {
		return againSoon
	}
	return againNever
}

func isCertificate(err error) bool {
	var (
		alert tls.AlertError
		host  x509.HostnameError
		auth  x509.UnknownAuthorityError
		inv   x509.CertificateInvalidError
	)
	return errors.Is(err, errCertificate) || errors.As(err, &alert) || errors.As(err, &host) || errors.As(err, &auth) || errors.As(err, &inv)
}
