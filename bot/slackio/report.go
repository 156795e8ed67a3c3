package slackio

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/slack-go/slack"

	"github.com/bmcmd/bmcmd/approvals"
	"github.com/bmcmd/bmcmd/bot"
	"github.com/bmcmd/bmcmd/bot/view"
)

// passing are the error codes of file calls after which the same call may do. Any other is said to
// people: a result must not wait for a file that Slack will never take.
var passing = []string{
	"internal_error", "fatal_error", "service_unavailable", "team_added_to_org", "request_timeout", "ratelimited", "rate_limited",
	"file_not_found", "file_update_failed", "invalid_auth", "account_inactive", "token_revoked", "token_expired",
}

// Report posts what happened on the hosts of r into the thread of the card, and into the same thread
// the file with what does not fit. The file's bytes go to Slack before the message, and are shared
// after it: most faults come before anything is seen. If the sharing fails, the error says that the
// message stands already; another try posts it again, with the request's id in it. Where the bot may
// not post, requester and approvers are told alone, without the file.
func (s *Slack) Report(ctx context.Context, r approvals.Request, out approvals.Outputs) error {
	m, file := view.Result(r, out)
	if r.Card.TS == "" {
		return s.reportAlone(ctx, r, m, file)
	}
	id, refused, err := s.upload(ctx, r, file)
	if err != nil {
		return err
	}
	channel, _, thread, err := s.postIn(ctx, r.Card.Channel, m, nil, threadsOf(r)...)
	if errors.Is(err, bot.ErrNotInChannel) {
		return s.reportAlone(ctx, r, m, file)
	}
	if err != nil || file == nil {
		return err
	}
	if refused == "" {
		if refused, err = s.share(ctx, id, r, channel, thread); err != nil {
			return fmt.Errorf("the result is posted, but not its file: %w", err)
		}
	}
	if refused == "" {
		return nil
	}
	_, _, err = s.post(ctx, channel, noFile(r, refused), thread)
	return err
}

// threadsOf are the threads that a word about r may stand in, the best first.
func threadsOf(r approvals.Request) []string {
	return []string{first(r.Origin.Thread, r.Card.TS), r.Card.TS, ""}
}

// reportAlone tells each who is named, to whom no file can be sent.
func (s *Slack) reportAlone(ctx context.Context, r approvals.Request, m view.Message, file []byte) error {
	all := s.named(r, approvals.NoticeResult)
	if err := s.tellEach(ctx, all, m); err != nil || file == nil {
		return err
	}
	all[0].url = "" // another use of it may be needed
	return s.tellEach(ctx, all, noFile(r, "there is no thread to put it into"))
}

// noFile says that the file of a result is not there. why may be an error code.
func noFile(r approvals.Request, why string) view.Message {
	return view.Words("The file with all that the hosts printed could not be put here: "+why+". "+
		"Have somebody who looks after this Slack allow files from the bot, or look at the task in the console.", r.ID, "")
}

// upload hands Slack the bytes of a file that nobody sees yet. refused is the code with which Slack
// will never take it.
func (s *Slack) upload(ctx context.Context, r approvals.Request, file []byte) (id, refused string, err error) {
	if file == nil {
		return "", "", nil
	}
	name := plainID(r.ID) + ".txt"
	to, err := s.files.GetUploadURLExternalContext(ctx, slack.GetUploadURLExternalParameters{FileName: name, FileSize: len(file)})
	if err != nil {
		refused, err = s.fileFault("files.getUploadURLExternal", err)
		return "", refused, err
	}
	err = s.files.UploadToURL(ctx, slack.UploadToURLParameters{UploadURL: to.UploadURL, Reader: bytes.NewReader(file), Filename: name})
	if err != nil {
		refused, err = s.fileFault("upload", err)
		return "", refused, err
	}
	return to.FileID, "", nil
}

// share puts an uploaded file into a thread.
func (s *Slack) share(ctx context.Context, id string, r approvals.Request, channel, thread string) (refused string, err error) {
	_, err = s.files.CompleteUploadExternalContext(ctx, slack.CompleteUploadExternalParameters{
		Files:   []slack.FileSummary{{ID: id, Title: "What happened on the hosts, request " + plainID(r.ID)}},
		Channel: channel, ThreadTimestamp: thread,
	})
	if err != nil {
		return s.fileFault("files.completeUploadExternal", err)
	}
	return "", nil
}

// fileFault is either a code to tell people, or an error after which to try again.
func (s *Slack) fileFault(method string, err error) (refused string, again error) {
	err = s.failed(botToken, method, err)
	code := codeOf(err)
	if code == "" || later(err) > 0 || slices.Contains(passing, code) {
		return "", err
	}
	s.log.Error("slack does not take a file", "method", method, "code", code)
	return code, nil
}
