package bmclient

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strconv"
	"time"
)

// read makes a read, and once more with the key read again if that was refused: it may have been rotated a moment ago.
func (c *Client) read(ctx context.Context, call call) (answer, error) {
	ans, err := c.readWith(ctx, call)
	if c.cfg.ForgetKey == nil || !BadKey(err) {
		return ans, err
	}
	c.cfg.ForgetKey()
	return c.readWith(ctx, call)
}

// readWith sends a read, and sends it again, signed anew, where the answer or the fault allows it.
func (c *Client) readWith(ctx context.Context, call call) (answer, error) {
	key, err := c.cfg.ReadKey(ctx)
	if err != nil {
		return answer{}, notSent(call.action, fmt.Errorf("the key for reads could not be read: %w", err))
	}
	if err := c.admit(ctx, call.action); err != nil {
		return answer{}, notSent(call.action, err)
	}
	for attempt := 1; ; attempt++ {
		ans, again, err := c.sendRead(ctx, call, key, attempt)
		if err == nil || ctx.Err() != nil || attempt >= c.mostSends(again) {
			return ans, err
		}
		pause := c.pause(again, attempt)
		if OverQuota(err) && c.cfg.Answered != nil {
			pause = 0 // Admit holds it back
		}
		c.cfg.Log.LogAttrs(ctx, slog.LevelInfo, "read is sent again",
			slog.String("action", call.action), slog.Int("attempt", attempt), slog.Duration("after", pause), slog.Any("error", err))
		if !c.wait(ctx, pause) {
			return answer{}, err // what the API said last tells more than that time or quota ran out
		}
		if full := c.admit(ctx, call.action); full != nil {
			if e, is := errors.AsType[*Error](err); is && OverQuota(err) {
				e.cause = full // it says when there may be room
			}
			return answer{}, err
		}
	}
}

func (c *Client) sendRead(ctx context.Context, call call, key Key, attempt int) (answer, again, error) {
	signed, err := c.api.sign(c, call, key, c.cfg.Now())
	if err != nil {
		return answer{}, againNever, notSent(call.action, err)
	}
	began := time.Now()
	limited, cancel := context.WithTimeout(ctx, c.cfg.Timeout)
	defer cancel()
	got, err := roundTrip(c.reads, c.newRequest(limited, signed), c.longest(call.to))
	if err != nil {
		err = c.noAnswer(signed, got.status, err)
		c.note(ctx, signed, attempt, began, err)
		return answer{}, againAfter(err), err
	}
	ans, err := c.answered(signed, got)
	c.note(ctx, signed, attempt, began, err)
	return ans, againAfter(err), err
}

// answered turns a whole HTTP answer into the API's success, its texts scrubbed, or into an *Error.
func (c *Client) answered(call signedCall, got reply) (answer, error) {
	ans, err := c.api.decode(got.body)
	if err != nil {
		return answer{}, c.noAnswer(call, got.status, err)
	}
	if ans.ok() && got.status != http.StatusOK {
		return answer{}, c.noAnswer(call, got.status, errContradicts)
	}
	if ans.ok() {
		clean := cleaner(call.secrets)
		ans.message, ans.requestID = clean(ans.message), clean(ans.requestID)
		ans.hide, ans.clean = hider(call.secrets), clean
		return ans, nil
	}
	return answer{}, c.refusal(call, got, ans)
}

var errContradicts = errors.New("the answer says success, its HTTP status does not")

// refusal is the API's own error.
func (c *Client) refusal(call signedCall, got reply, ans answer) *Error {
	clean := cleaner(call.secrets)
	ans.name = clean(ans.name)
	e := &Error{
		Action: call.action, Name: ans.name, Message: clean(ans.message), RequestID: clean(ans.requestID), HTTPStatus: got.status,
	}
	c.api.judge(c, e, ans, got.date)
	if got.status >= http.StatusInternalServerError {
		e.Class = ClassUnknown
	}
	switch {
	case call.to == toReadScript && (meansNoScript(e.Number) || isCode(e.Code, "ResourceNotFound")):
		e.cause = ErrNoScript
	case call.to == toListHosts && (e.Number == noTask || isCode(e.Code, "ResourceNotFound")):
		e.cause = ErrNoTask
	case call.to == toStop && e.Code == "ResourceNotFound.InvocationNotFound":
		e.cause = ErrNoTask
	case call.to == toRun && e.Class == ClassUnknown:
		e.hint = hintUnknown // before anything else that might be done about it
	}
	return e
}

const hintUnknown = "it may have run: look for its task, or at the hosts, before anything is sent again"

// noAnswer is the error for a request that was sent, perhaps, and got no answer of the API's.
func (c *Client) noAnswer(call signedCall, status int, cause error) *Error {
	e := &Error{Action: call.action, HTTPStatus: status, cause: cause, Meaning: "no usable answer came"}
	var timed interface{ Timeout() bool }
	switch {
	case errors.Is(cause, context.Canceled):
		e.Meaning = "the wait for the answer was given up"
	case errors.As(cause, &timed) && timed.Timeout():
		e.Meaning = "no answer came in time"
	case status != 0 && status != http.StatusOK:
		e.Meaning = "the endpoint answered HTTP " + strconv.Itoa(status)
	}
	if call.to == toRun {
		e.hint = hintUnknown
	}
	return e
}

// hint says what to do about a number. date is the HTTP date of the answer.
func (c *Client) hint(action string, number int, date string) string {
	switch number {
	case 4000, 10001, 18013:
		if action != names2.run {
			return ""
		}
		return c.arrayKeyHint()
	case 4100, 4104, 4105:
		return "check the key id and secret this is signed with"
	case 4101, 4102, 4103, 4110, 4300:
		return "give this key the right to " + action
	case 4200, 4500:
		return c.clockHint(date)
	case 4400:
		return "wait a minute"
	case 6100:
		return "check the endpoint"
	}
	return ""
}

// arrayKeyHint names the other array key. Both examples of RunUserCmd's own page have instanceId; its table, and all nine sister actions
// that take several machines, have instanceIds.
func (c *Client) arrayKeyHint() string {
	if c.cfg.ArrayKey == "instanceId" {
		return `if the hosts' ids are right, most probably this API wants them under the array key "instanceIds", as nine sister actions do; it is set to "instanceId"`
	}
	return `if the hosts' ids are right, perhaps this API wants them under the array key "instanceId", as its page's examples do; it is set to "instanceIds"`
}

// clockHint compares this machine's clock with the answer's date.
func (c *Client) clockHint(date string) string {
	theirs, err := http.ParseTime(date)
	if err != nil {
		return "check this machine's clock"
	}
	switch off := c.cfg.Now().Sub(theirs).Truncate(time.Second); {
	case off > 5*time.Second:
		return fmt.Sprintf("this machine's clock is %s ahead of the API's: set it", off)
	case off < -5*time.Second:
		return fmt.Sprintf("this machine's clock is %s behind the API's: set it", -off)
	}
	return "the clocks agree: try again"
}

// note tells what came of a send.
func (c *Client) note(ctx context.Context, call signedCall, attempt int, began time.Time, err error) {
	if c.cfg.Answered != nil {
		c.cfg.Answered(call.action, err)
	}
	if !c.cfg.Log.Enabled(ctx, slog.LevelDebug) {
		return
	}
	as := []slog.Attr{
		slog.String("action", call.action), slog.String("method", call.method), slog.Int("attempt", attempt),
		slog.Duration("took", time.Since(began)),
	}
	if err != nil {
		as = append(as, slog.Any("error", err))
	}
	c.cfg.Log.LogAttrs(ctx, slog.LevelDebug, "api call", as...)
}

// local is a refusal made here.
func local(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{errLocal}, args...)...)
}

// notSent is the error for which it is proved that nothing left.
func notSent(action string, cause error) *Error {
	return &Error{Action: action, Meaning: ErrNotSent.Error(), Class: ClassRefused, cause: notSentError{cause}}
}

type notSentError struct{ error }

func (e notSentError) Is(target error) bool { return target == ErrNotSent }
func (e notSentError) Unwrap() error        { return e.error }
