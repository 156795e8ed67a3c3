package approvals

import (
	"errors"
	"fmt"
	"time"
)

// Limits are how much one person may ask for. 0 is no limit.
type Limits struct {
	Open    int // requests that have not ended
	AMinute int // requests in any minute
}

// ErrTooMany says that a person has reached a limit. Nothing was written; the error is a
// *[TooMany].
var ErrTooMany = errors.New("too many requests of one person")

// TooMany says which limit was reached. It wraps [ErrTooMany].
type TooMany struct {
	Open  bool // [Limits.Open]; else [Limits.AMinute]
	Most  int
	After time.Duration // when there is room again; 0: when a request ends
}

func (t *TooMany) Error() string {
	if t.Open {
		return fmt.Sprintf("%v: %d are open", ErrTooMany, t.Most)
	}
	return fmt.Sprintf("%v: %d in a minute", ErrTooMany, t.Most)
}

func (t *TooMany) Unwrap() error { return ErrTooMany }
