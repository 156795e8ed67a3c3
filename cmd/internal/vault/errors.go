package vault

import "errors"

// What can be wrong with a reference when it is resolved. Every error of
// [Resolver.Resolve] is one of these or the caller's own context error; its
// text names the reference, says what is wrong and what to do, and holds
// nothing that came from the server, the file or the variable.
var (
	// ErrUnreachable: no connection, no answer in time, 5xx, sealed, 429, a
	// redirect, or an answer that is not a vault's. May pass by itself.
	ErrUnreachable = errors.New("vault cannot be used now")
	// ErrDenied: the vault said 403 also after the token was read again, the
	// token itself cannot be read, or the system refuses to open the file.
	ErrDenied = errors.New("access denied")
	// ErrNotFound: no such path, version, file or variable, or it is deleted.
	ErrNotFound = errors.New("not found")
	// ErrNoField: the secret is there, the field is not. The fields that do
	// exist are not listed: people use user names and the like as field names.
	ErrNoField = errors.New("no such field")
	// ErrEmpty: it is there and it is empty or null.
	ErrEmpty = errors.New("empty value")
	// ErrUnusable: it is there and can never do as a secret (an object, a
	// directory, not text, too large, blanks at its ends), or the config does not fit it.
	ErrUnusable = errors.New("unusable")
	// ErrBadRef is what [ParseRef] returns.
	ErrBadRef = errors.New("not a usable reference")
)

// A failure is a sentinel with the words that belong to one case.
type failure struct {
	kind error
	what string // what is wrong; what to do
}

func (f *failure) Error() string { return f.kind.Error() + ": " + f.what }
func (f *failure) Unwrap() error { return f.kind }

func fail(kind error, what string) error { return &failure{kind, what} }
