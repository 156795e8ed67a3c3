package slackio

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/slack-go/slack"

	"github.com/bmcmd/bmcmd/bot"
)

// failure is an error of a call to Slack in our own words: the method, and what is known of why. It
// unwraps only to errors that hold no text of others.
type failure struct {
	method string
	why    string
	code   string   // Slack's error code, if it answered one
	detail []string // Slack's own words about the arguments; for the log only
	cause  error

	foreign string // why what answered is not Slack's API, if it is not
	halfway bool   // Slack may have done what was asked
	unclear bool   // and that matters: it shows something to people
}

func (f *failure) Error() string { return "slack " + f.method + ": " + f.why }
func (f *failure) Unwrap() error { return f.cause }

// Is reports what is not known of the call.
func (f *failure) Is(target error) bool { return target == bot.ErrUnclear && f.unclear }

// halfDone are the codes of which Slack's documents say that "some aspect of the operation" may have
// succeeded (docs.slack.dev/reference/methods/chat.postMessage).
var halfDone = []string{"internal_error", "fatal_error"}

// address is anything in a text that looks like one. Socket addresses hold a ticket, response_urls
// are secrets.
var address = regexp.MustCompile(`(?i)\b(?:https?|wss?)://[^\s"']+`)

// safely returns a function that takes addresses and the tokens out of an error's text.
func safely(secrets ...Secret) func(error) error {
	return func(err error) error {
		text := address.ReplaceAllString(err.Error(), "[address]")
		for _, s := range secrets {
			v := s.Reveal()
			if v == "" {
				continue
			}
			text = strings.ReplaceAll(text, v, "[token]")
			text = strings.ReplaceAll(text, url.QueryEscape(v), "[token]")
		}
		return errors.New(text)
	}
}

// failed turns what slack-go or net/http returned for a call into an error that may be shown.
func (s *Slack) failed(t token, method string, err error) error {
	f := &failure{method: method}
	var limited *slack.RateLimitedError
	var said slack.SlackErrorResponse
	var status slack.StatusCodeError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &limited):
		return &failure{method: method, why: "too many calls", cause: &bot.Later{After: max(limited.RetryAfter, time.Second)}}
	case errors.As(err, &status):
		f.why, f.halfway = fmt.Sprintf("HTTP status %d", status.Code), status.Code >= 500
		switch c := status.Code; {
		case c == 429:
			f.cause = &bot.Later{After: 5 * time.Second}
		case c >= 300 && c < 500 && c != 408 && c != 425:
			f.foreign = f.why
		}
	case errors.As(err, &said):
		return s.refused(t, method, said)
	default:
		f.why, f.cause = s.broken(err)
		f.foreign = foreign(err)
		var dialed *net.OpError
		f.halfway = !errors.As(err, &dialed) || dialed.Op != "dial"
	}
	return f
}

// foreign says why an answer cannot be Slack's; empty if it can.
func foreign(err error) string {
	var syntax *json.SyntaxError
	var shape *json.UnmarshalTypeError
	var record tls.RecordHeaderError
	var authority x509.UnknownAuthorityError
	var name x509.HostnameError
	switch {
	case errors.As(err, &syntax), errors.As(err, &shape):
		return "an answer that is not JSON"
	case errors.As(err, &record), errors.Is(err, http.ErrSchemeMismatch):
		return "it does not speak TLS"
	case errors.As(err, &authority):
		return "its certificate is signed by an authority that this machine does not trust"
	case errors.As(err, &name):
		return "its certificate is for another name"
	case noHTTP.MatchString(err.Error()):
		return "it does not speak HTTP"
	}
	return ""
}

// noHTTP is in what net/http says of an answer that is not HTTP. It has no type for that.
var noHTTP = regexp.MustCompile(`\b(?:malformed HTTP|malformed MIME header)\b`)

// refused is an answer with an error code.
func (s *Slack) refused(t token, method string, said slack.SlackErrorResponse) error {
	code := plainCode(said.Err)
	if code == "" {
		code = "an error code that cannot be shown"
	}
	f := &failure{method: method, why: code, code: code, detail: said.ResponseMetadata.Messages, halfway: slices.Contains(halfDone, code)}
	if code == "ratelimited" || code == "rate_limited" {
		f.cause = &bot.Later{After: 5 * time.Second}
	} else if fault := setupFault(t, code, said.Needed); fault != nil {
		f.why, f.cause = fault.Error(), fault
	}
	return f
}

// broken says what happened to a call that got no answer, or none that can be read.
func (s *Slack) broken(err error) (string, error) {
	if away, is := errors.AsType[*url.Error](err); is {
		err = away.Err
	}
	var n net.Error
	switch {
	case errors.Is(err, context.Canceled):
		return "given up", context.Canceled
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &n) && n.Timeout():
		return "no answer in time", context.DeadlineExceeded
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "the connection was closed before the answer", nil
	}
	return s.safe(err).Error(), nil
}

// codeOf is the error code that Slack answered, or empty.
func codeOf(err error) string {
	if f, ok := errors.AsType[*failure](err); ok {
		return f.code
	}
	return ""
}

// later is how long Slack asks to wait, or zero.
func later(err error) time.Duration {
	if l, ok := errors.AsType[*bot.Later](err); ok {
		return l.After
	}
	return 0
}
