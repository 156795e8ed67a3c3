package slackio

import (
	"bytes"
	"context"
	"slices"

	"github.com/slack-go/slack"

	"github.com/bmcmd/bmcmd/approvals"
	"github.com/bmcmd/bmcmd/bot"
	"github.com/bmcmd/bmcmd/bot/view"
)

// passing are the error codes of file calls after which the same call may do. After any other people are
// told at once that there is no file.
var passing = []string{
	"internal_error", "fatal_error", "service_unavailable", "team_added_to_org", "request_timeout", "ratelimited", "rate_limited",
	"file_not_found", "file_update_failed", "invalid_auth", "account_inactive", "token_revoked", "token_expired",
}

// askedWhere is how often Slack is asked who sees the channel before a result is told to each alone.
const askedWhere = 8

// Report posts what happened on the hosts of r into the thread of the card. It tells each who is named
// alone where the bot may not post, or people of other organisations see the channel by now: what the
// card shows they have seen, but not what hosts print.
func (s *Slack) Report(ctx context.Context, r approvals.Request, n approvals.Notice, out approvals.Outputs) (p bot.Posted, err error) {
	outside, err := s.Outsiders(ctx, r.Card.Channel)
	if err != nil && n.Tries < askedWhere {
		return bot.Posted{Alone: n.Alone}, err
	}
	m, file := view.Result(r, out)
	if outside || err != nil {
		p.Alone, err = s.tellEach(ctx, s.named(r, n.Kind), n.Alone, m)
	} else {
		p, err = s.notify(ctx, r, n, m)
	}
	p.File = file != nil
	return p, err
}

// Upload hands Slack the bytes of the result's file. Files are processed asynchronously, and nobody sees
// one before it is shared.
func (s *Slack) Upload(ctx context.Context, r approvals.Request, out approvals.Outputs) (id string, err error) {
	_, file := view.Result(r, out)
	if file == nil {
		return "", &bot.NoFile{Why: "what the hosts printed is not kept any more"}
	}
	name := plainID(r.ID) + ".txt"
	to, err := s.files.GetUploadURLExternalContext(ctx, slack.GetUploadURLExternalParameters{FileName: name, FileSize: len(file)})
	if err != nil {
		return "", s.fileFault("files.getUploadURLExternal", err)
	}
	err = s.files.UploadToURL(ctx, slack.UploadToURLParameters{UploadURL: to.UploadURL, Reader: bytes.NewReader(file), Filename: name})
	if err != nil {
		return "", s.fileFault("upload", err)
	}
	return to.FileID, nil
}

// Share puts an uploaded file into the thread of the result, or the next best if that is gone.
func (s *Slack) Share(ctx context.Context, r approvals.Request) error {
	outside, err := s.Outsiders(ctx, r.Card.Channel)
	if outside {
		return &bot.NoFile{Why: "this channel is shared with another organisation"}
	}
	if err != nil {
		return err
	}
	for _, thread := range append([]string{r.File.Thread}, threadsOf(r)...) {
		_, err = s.files.CompleteUploadExternalContext(ctx, slack.CompleteUploadExternalParameters{
			Files:   []slack.FileSummary{{ID: r.File.ID, Title: "What happened on the hosts, request " + plainID(r.ID)}},
			Channel: r.Card.Channel, ThreadTimestamp: thread,
		})
		if err = s.fileFault("files.completeUploadExternal", err); !threadGone(err) {
			break
		}
	}
	return err
}

// fileFault says whether another try may do.
func (s *Slack) fileFault(method string, err error) error {
	err = s.failed(botToken, method, err)
	code := codeOf(err)
	if code == "" || later(err) > 0 || slices.Contains(passing, code) {
		return err
	}
	return &failure{method: method, why: code, code: code, cause: &bot.NoFile{Why: code}}
}
