package vault

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"syscall"
)

// unreachable puts a transport error into words of our own: net/http quotes
// URLs and pieces of what the server sent.
func unreachable(ctx context.Context, err error) error {
	if errors.Is(err, errTooLarge) {
		return fail(ErrUnreachable, "an error answer was too large to read; is the address right, or did a proxy answer?")
	}
	return fail(ErrUnreachable, transportWords(ctx, err))
}

func transportWords(ctx context.Context, err error) string {
	var (
		dns       *net.DNSError
		timeout   net.Error
		authority x509.UnknownAuthorityError
		host      x509.HostnameError
		invalid   x509.CertificateInvalidError
		record    tls.RecordHeaderError
	)
	switch {
	case ctx.Err() != nil || errors.As(err, &timeout) && timeout.Timeout():
		return "no answer in time; is it up, and does a firewall let us through?"
	case errors.As(err, &dns):
		return "its host name is not known; check the address and DNS"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "connection refused; is it running, and is the port right?"
	case errors.As(err, &authority):
		return "its certificate is signed by an authority we do not trust; give the right CA file"
	case errors.As(err, &host), errors.As(err, &invalid):
		return "its certificate is expired or not for this host; renew it or correct the address"
	case errors.As(err, &record) || err != nil && strings.Contains(err.Error(), "server gave HTTP response to HTTPS client"):
		return "it does not speak TLS at this address; correct the scheme or the port"
	}
	return "the connection broke; is it up, and is the address one of a vault?"
}

// refused puts a status other than 200 and 404 into words. Errors of the
// vault's own body are not repeated: proxies and plugins write there, too.
func refused(status int) error {
	code := fmt.Sprintf(" (status %d)", status)
	switch {
	case status == http.StatusForbidden || status == http.StatusUnauthorized:
		return fail(ErrDenied, "the vault refuses"+code+", also with the token read again; put a valid token in place, or let its policy read this path")
	case status == http.StatusServiceUnavailable:
		return fail(ErrUnreachable, "it is sealed or in maintenance"+code+"; unseal it")
	case status == http.StatusTooManyRequests:
		return fail(ErrUnreachable, "it limits our requests"+code+"; raise the quota or cache for longer")
	case status >= 300 && status < 400:
		return fail(ErrUnreachable, "it sends us elsewhere"+code+", and the token goes only to the configured address; give the address of the active server or a load balancer")
	case status >= 500 || status == http.StatusPreconditionFailed || status == 472 || status == 473:
		return fail(ErrUnreachable, "it has an error or is a standby"+code+"; look at the vault's log")
	}
	return fail(ErrUnusable, "the vault does not take the request"+code+"; check the path, the namespace, and that the mount is KV version 2")
}
