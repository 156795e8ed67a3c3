package bmclient

import (
	"context"
	"time"
)

// SentQuery describes a run that carried its script, and whose answer nobody has.
type SentQuery struct {
	Hosts   []string
	Content []byte    // all that was sent
	Since   time.Time // it began after this
}

// Sent answers the tasks that are recorded with exactly this content on some of these hosts since then, each once. Only an API that
// is sent the script ([Sends]) can tell. It is repeated like Script.
func (c *Client) Sent(ctx context.Context, q SentQuery) ([]string, error) {
	return nil, notSent("tasks", local("this API is not sent the script"))
}

// Stop has the cloud stop a task on those hosts that have not ended, by name; an empty list stops nothing. It may be repeated. It
// is nil once the cloud has taken the order; what became of each host is told by EachHost.
func (c *Client) Stop(ctx context.Context, key Key, task string, hosts []string) error {
	return notSent("stop", local("this API cannot stop a run"))
}

// Sends reports whether a run of this API carries the script's own bytes, so that nobody can change them on the way: TAT.
func Sends(api string) bool { return api == APITAT }
