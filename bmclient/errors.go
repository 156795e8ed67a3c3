package bmclient

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
)

var (
	// ErrNoScript says that the script does not exist.
	ErrNoScript = errors.New("there is no such script")
	// ErrNoTask says that the API knows no such task, or does not know it yet.
	ErrNoTask = errors.New("there is no such task")
	// ErrTooLong says that an answer was longer than is read. Nothing of it is kept.
	ErrTooLong = errors.New("the answer is too long")
	// ErrNotSent says that for sure no byte of the request left this machine, and none can leave any more.
	ErrNotSent = errors.New("nothing was sent")
	// ErrBadPassword says that a password begins with "@". It comes with ErrNotSent.
	ErrBadPassword = errors.New(`the password begins with "@", which the API's signature leaves out; give the login another password`)

	errLocal = errors.New("refused here, before sending")
)

// Class says what an answer to RunUserCmd means for the hosts. The zero value is ClassUnknown, the cautious one.
type Class int

const (
	ClassUnknown Class = iota // nobody can know from this whether the script ran
	ClassRefused              // refused before anything could run; the same request may be sent again
	ClassFailed               // an error documented for the action; it did not run
)

// String is "unknown", "refused" or "failed".
func (c Class) String() string {
	switch c {
	case ClassRefused:
		return "refused"
	case ClassFailed:
		return "failed"
	case ClassUnknown:
		return "unknown"
	}
	return fmt.Sprintf("class %d", int(c))
}

// Error is every error that a [Client] returns for a call. Its texts hold no URL, no body, and none of the call's secrets.
type Error struct {
	Action     string // RunUserCmd, GetUserCmd, …
	Number     int    // API 2.0: the most telling number of the answer; 0 when none came
	Code       string // API 3.0: the code, AuthFailure.SignatureExpire or the like; empty when none came
	Outer      int    // what stood in "code" when Number was taken from the message's "(NNN)"; else 0
	Name       string // codeDesc, or the documented name
	Message    string // what the API said, scrubbed of the call's secrets; often Chinese
	Meaning    string // what it means, in English
	Class      Class
	HTTPStatus int    // 0 when no answer came
	RequestID  string // rarely given by API 2.0

	hint  string
	again again // with Code: whether a read may be sent again
	cause error
}

// Error is one line: the action, what is wrong, and what to do where that is known.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.Action + ": ")
	if e.Number != 0 {
		fmt.Fprintf(&b, "%d ", e.Number)
	}
	if e.Code != "" {
		b.WriteString(e.Code + ": ")
	}
	if e.Name != "" {
		b.WriteString(e.Name + ": ")
	}
	b.WriteString(e.Meaning)
	if e.Message != "" {
		fmt.Fprintf(&b, " (the API says %q)", e.Message)
	}
	if e.cause != nil {
		b.WriteString(": " + e.cause.Error())
	}
	if e.hint != "" {
		b.WriteString("; " + e.hint)
	}
	return b.String()
}

// Unwrap gives the cause: a context error, a network error, ErrNoScript, ErrNotSent; nil for a plain answer of the API.
func (e *Error) Unwrap() error { return e.cause }

// Hint says what to do about it, or is empty.
func (e *Error) Hint() string { return e.hint }

// LogValue is a group of the facts.
func (e *Error) LogValue() slog.Value {
	as := []slog.Attr{slog.String("action", e.Action), slog.String("class", e.Class.String())}
	if e.Number != 0 {
		as = append(as, slog.Int("number", e.Number))
	}
	if e.HTTPStatus != 0 {
		as = append(as, slog.Int("http_status", e.HTTPStatus))
	}
	for _, kv := range [][2]string{{"code", e.Code}, {"name", e.Name}, {"meaning", e.Meaning}, {"message", e.Message}, {"request_id", e.RequestID}} {
		if kv[1] != "" {
			as = append(as, slog.String(kv[0], kv[1]))
		}
	}
	if e.cause != nil {
		as = append(as, slog.String("cause", e.cause.Error()), slog.Bool("not_sent", errors.Is(e.cause, ErrNotSent)))
	}
	return slog.GroupValue(as...)
}
