//go:build !experiment

package serve

import (
	"time"

	"github.com/bmcmd/bmcmd/approvals"
	"github.com/bmcmd/bmcmd/bot"
	"github.com/bmcmd/bmcmd/bot/slackio"
	"github.com/bmcmd/bmcmd/cmd/internal/quota"
)

// What an experiment may put between the parts. A bmcmd that is not built with the tag
// experiment has nothing there.

func pointsInStore(s approvals.Store) approvals.Store       { return s }
func pointsInCloud(c bot.Cloud) bot.Cloud                   { return c }
func pointsInLogins(l bot.Logins) bot.Logins                { return l }
func pointsInBoard(b bot.Board) bot.Board                   { return b }
func pointsInHandler(h slackio.Handler) slackio.Handler     { return h }
func holdOr(d time.Duration) time.Duration                  { return d }
func quotaOr(q quota.Quotas) quota.Quotas                   { return q }
func clockOr(now func() time.Time) (clock func() time.Time) { return now }
