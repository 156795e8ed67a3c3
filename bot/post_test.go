package bot

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bmcmd/bmcmd/approvals"
)

// ends brings a run to its end, whose result needs a file, while the board's calls meet the hook.
func (r *rig) ends(hook func(string, approvals.Request) error) string {
	r.Helper()
	id := r.asks("ALICE")
	r.board.set(func(b *board) { b.files, b.hook = true, hook })
	r.press("BOB", Approve, id)
	return id
}

// A result is posted once, whatever becomes of its file. The file is tried for some minutes, in steps of
// which none is repeated that was done; then a line says why it is not there, and that is all.
func TestAFileThatIsNotTaken(t *testing.T) {
	const answer, result, line, up, share = "notice answer accepted", "notice result succeeded", "notice file succeeded", "file uploaded", "file shared F"
	for _, tt := range []struct {
		why  string
		hook func(string, approvals.Request) error
		want []string
		file approvals.File
	}{
		{"all is well", nil, []string{up, share}, approvals.File{ID: "F", Shared: true}},
		{
			"sharing fails for ever", failing("share", errors.New("slack files.completeUploadExternal: internal_error")),
			[]string{up, share, share, share, line},
			approvals.File{ID: "F", Why: "slack files.completeUploadExternal: internal_error", Unsure: true},
		},
		{
			"the upload host answers 403", failing("upload", errors.New("slack upload: HTTP status 403")),
			[]string{up, up, up, up, up, line},
			approvals.File{Why: "slack upload: HTTP status 403"},
		},
		{
			"the upload host hangs", func(call string, _ approvals.Request) error {
				if call != "upload" {
					return nil
				}
				<-time.After(chatTime)
				return context.DeadlineExceeded
			}, []string{up, up, up, up, up, line}, approvals.File{Why: "context deadline exceeded"},
		},
		{"Slack asks to wait for long", failing("upload", &Later{After: 3 * time.Minute}), []string{up, up, up, line}, approvals.File{Why: (&Later{After: 3 * time.Minute}).Error()}},
		{"files are not allowed", failing("upload", fmt.Errorf("slack: %w", &NoFile{"file_uploads_disabled"})), []string{up, line}, approvals.File{Why: "file_uploads_disabled"}},
		{"nor in this channel", failing("share", &NoFile{"not_in_channel"}), []string{up, share, line}, approvals.File{ID: "F", Why: "not_in_channel"}},
	} {
		t.Run(tt.why, func(t *testing.T) {
			playFollow(t, nil, func(r *rig) {
				id := r.ends(tt.hook)
				r.pass(7 * time.Minute)
				r.did("notice file", append([]string{answer, result}, tt.want...)...)
				got := r.is(id, approvals.Succeeded).File
				got.Since, got.Thread = time.Time{}, ""
				if diff := cmp.Diff(tt.file, got); diff != "" {
					r.Errorf("the file (-want +got):\n%s", diff)
				}
				r.pass(24 * time.Hour)
				r.did("notice file", append([]string{answer, result}, tt.want...)...)
			})
		})
	}
}

// Another bot goes on where one has stopped: what is done is noted.
func TestAFileThatAnotherBotBrings(t *testing.T) {
	playFollow(t, func(r *rig) { r.poll = time.Second }, func(r *rig) {
		r.ends(failing("share", errors.New("away")))
		r.pass(2 * time.Second)
		r.stop()
		r.board.set(func(b *board) { b.hook = nil })
		r.work(r.newBot())
		r.pass(time.Minute)
		r.did("notice file", "notice answer accepted", "notice result succeeded", "file uploaded", "file shared F", "file shared F")
	})
}

// What Slack may have taken although it answers an error, and does so for ever, is not there a thousand
// times.
func TestAMessageOfWhichNothingIsKnown(t *testing.T) {
	halfway := fmt.Errorf("slack chat.postMessage: internal_error: %w", ErrUnclear)
	count := func(call string, during time.Duration, before func(r *rig), play func(r *rig)) (n int) {
		playFollow(t, func(r *rig) { r.poll = time.Minute }, func(r *rig) {
			if before != nil {
				before(r)
			}
			r.board.set(func(b *board) {
				b.hook = func(c string, q approvals.Request) error {
					switch {
					case c == call:
						n++
						return halfway
					case c == "redraw" && call == "post" && q.Card.TS != "":
						return ErrCardGone
					}
					return nil
				}
			})
			play(r)
			r.pass(during)
		})
		return n
	}
	run := func(r *rig) { r.runs() }
	if n := count("report", 24*time.Hour, nil, run); n < 50 || n > 110 {
		t.Errorf("a result was posted %d times in a day", n)
	}
	if n := count("post", time.Hour, nil, func(r *rig) { r.says("ALICE", "run cmd-nozcbhuw ins-1") }); n > 7 {
		t.Errorf("a card was posted %d times", n)
	}
	var id string
	if n := count("post", time.Hour, func(r *rig) { id = r.asks("ALICE") }, func(r *rig) { r.press("BOB", Deny, id) }); n != repostTries+1 {
		t.Errorf("a card that was deleted was posted %d times", n)
	}
}

// Nothing that Slack does not take holds up anything else for long.
func TestOneMessageDoesNotHoldUpTheNext(t *testing.T) {
	for _, call := range []string{"redraw", "notify"} {
		playFollow(t, nil, func(r *rig) {
			r.ends(failing(call, errors.New("internal_error")))
			r.pass(2 * time.Minute)
			if got := r.journal.of("notice"); len(got) == 0 || got[len(got)-1] != "notice result succeeded" {
				r.Errorf("while %s fails, people are told %q", call, got)
			}
		})
	}
}

// Of those who are told alone, each is told once, although one of them cannot be told for a while.
func TestWhoWasToldAloneIsNotToldAgain(t *testing.T) {
	play(t, func(r *rig) {
		id := r.asks("ALICE")
		var before [][]string
		r.board.set(func(b *board) {
			b.alone = func(n approvals.Notice) (Posted, error) {
				before = append(before, n.Alone)
				if len(before) == 1 {
					return Posted{Alone: []string{"BOB"}}, errors.New("away")
				}
				return Posted{Alone: []string{"BOB", "ALICE"}}, nil
			}
		})
		r.press("BOB", Deny, id)
		r.pass(10 * time.Second)
		r.is(id, approvals.Denied)
		if diff := cmp.Diff([][]string{nil, {"BOB"}}, before); diff != "" {
			r.Error(diff)
		}
	})
}
