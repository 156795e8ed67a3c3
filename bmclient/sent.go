package bmclient

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"
)

// Sends reports whether a run of this API carries the script's own bytes, so that nobody can change them on the way: TAT.
func Sends(api string) bool { return api == APITAT }

// SentQuery describes a run that carried its script, and whose answer nobody has.
type SentQuery struct {
	Hosts   []string
	Content []byte    // all that was sent
	Since   time.Time // it was taken at this time or later: rows from before are not asked for, but one with the content counts whatever its time
}

// Sent answers the tasks that are recorded with exactly this content on some of these hosts, each once. Only an API that
// is sent the script ([Sends]) can tell. It is repeated like Script. One that is ErrTooLong says that too much ran on them to be searched.
func (c *Client) Sent(ctx context.Context, q SentQuery) ([]string, error) {
	if len(q.Hosts) == 0 || len(q.Content) == 0 {
		return nil, notSent("tasks", local("no host or no content is named"))
	}
	return c.api.sent(ctx, c, q)
}

// mostStopped is how many hosts one call stops: InstanceIds of CancelInvocation.
const mostStopped = 100

// Stop has the cloud stop a task on those of its hosts; an empty list stops nothing. It may be repeated: what has ended stays as it
// is, and one that is not of the task has nothing to be stopped. It is nil once the cloud has taken the order; what became of each host is
// told by EachHost. Its error is an *Error. Where the cloud refuses the order for one host, the others are stopped all the same.
func (c *Client) Stop(ctx context.Context, key Key, task string, hosts []string) (err error) {
	if len(hosts) == 0 {
		return nil
	}
	if len(hosts) <= mostStopped {
		err = c.stop(ctx, key, task, hosts)
		if len(hosts) == 1 || !forOneHost(codeOf(err)) {
			return err
		}
	}
	half := len(hosts) / 2
	if err = c.Stop(ctx, key, task, hosts[:half]); err != nil && !forOneHost(codeOf(err)) {
		return err // to be repeated as a whole
	}
	return cmp.Or(c.Stop(ctx, key, task, hosts[half:]), err)
}

func (c *Client) stop(ctx context.Context, key Key, task string, hosts []string) error {
	order, err := c.api.stop(task, hosts)
	if err != nil {
		return err
	}
	if task == "" {
		return notSent(order.action, local("no task is named"))
	}
	if err := c.admit(ctx, order.action); err != nil {
		return notSent(order.action, err)
	}
	_, _, err = c.sendRead(ctx, order, key, 1)
	return err
}

// forOneHost reports whether a refusal with this code may be for one of several hosts.
func forOneHost(code string) bool {
	return code != "InvalidParameterValue.InvalidInvocationId" && code != "ResourceNotFound.InvocationNotFound" &&
		slices.ContainsFunc([]string{"InvalidParameterValue", "ResourceNotFound", "ResourceUnavailable", "UnsupportedOperation", "OperationDenied", "FailedOperation"},
			func(of string) bool { return isCode(code, of) })
}

// codeOf is the code that the API gave, or empty.
func codeOf(err error) string {
	if e, is := errors.AsType[*Error](err); is {
		return e.Code
	}
	return ""
}
