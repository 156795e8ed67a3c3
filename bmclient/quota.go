package bmclient

import (
	"context"
	"errors"
	"time"
)

const (
	// API2 and API3 are the two versions of Bare Metal's API, APITAT is that of TAT.
	API2   = "2.0"
	API3   = "3.0"
	APITAT = "tat"
)

// AccountQuota is how many calls of all actions together API 2.0 allows an account in AccountQuotaPer. 3.0's introduction repeats it.
const (
	AccountQuota    = 1000
	AccountQuotaPer = time.Minute
)

// Quota is the documented limit for one action: n calls in per. 2.0 has 100 a minute for each action; 3.0 has 10 a second for each of the
// script actions, TAT 20, and 60 for agents (1340/52696). The limit is the account's, not this process's. An API that is not known has none: 0.
func Quota(api, action string) (n int, per time.Duration) {
	switch api {
	case "", API2:
		return 100, time.Minute
	case API3:
		return 10, time.Second
	case APITAT:
		switch action {
		case "DescribeAutomationAgentStatus":
			return 60, time.Second
		case "DescribeInstances": // CVM's; its page gives another number for each account
			return 10, time.Second
		}
		return 20, time.Second
	}
	return 0, 0
}

// admit asks before a send.
func (c *Client) admit(ctx context.Context, action string) error {
	if c.cfg.Admit == nil {
		return nil
	}
	return c.cfg.Admit(ctx, action)
}

// OverQuota reports whether the API refused a call because the account makes too many: 4400 in 2.0, RequestLimitExceeded, or a code
// below it, in 3.0 and TAT. It proves that nothing ran.
func OverQuota(err error) bool {
	e, is := errors.AsType[*Error](err)
	return is && e.Class == ClassRefused && (e.Number == 4400 || isCode(e.Code, "RequestLimitExceeded"))
}
