package bot

import (
	"context"
	"errors"
	"time"

	"github.com/bmcmd/bmcmd/approvals"
	"github.com/bmcmd/bmcmd/bmclient"
)

// What the bot needs of others. All methods may be called at the same time.

// Desk keeps requests and applies moves; [approvals.Desk] is the one.
type Desk interface {
	Worker() string
	Receive(ctx context.Context, r approvals.Request) (k approvals.Kept, fresh bool, err error)
	TurnAway(ctx context.Context, r approvals.Request, why string) error
	Load(ctx context.Context, id string) (approvals.Kept, error)
	Move(ctx context.Context, id string, m approvals.Move) (approvals.Kept, error)
	Advance(ctx context.Context, k approvals.Kept, m approvals.Move) (approvals.Kept, error)
	Take(ctx context.Context, n int) (taken []approvals.Kept, wake time.Duration, err error)
	Aside(ctx context.Context, k approvals.Kept, by approvals.Person, what, note string) error
	Refused(ctx context.Context, k approvals.Kept, f approvals.Refusal, most int) error
	Events(ctx context.Context, id string, n int) ([]approvals.Event, error)
	Open(ctx context.Context, n int) ([]approvals.Kept, error)
	Outputs(ctx context.Context, id string) (approvals.Outputs, error)
	Recollection
}

// Recollection is what a Desk remembers of requests, and a store that may have lost
// them; see recall.go.
type Recollection interface {
	Lately(id string) (k approvals.Kept, is bool)
	Older(k approvals.Kept) (was approvals.Request, older bool)
	Recheck(ctx context.Context, id string) (k approvals.Kept, was approvals.Request, older bool, err error)
	Recollect(ctx context.Context) (marked bool, gone []approvals.Kept, others []string, err error)
	Since(k approvals.Kept) time.Time
	Follows(id, task string) bool
	Accept(k approvals.Kept)
	Forget(id string)
	Mark(ctx context.Context) error
	Turn(ctx context.Context, id string, r approvals.Rank) (approvals.Turn, error)
	Done(ctx context.Context, id string, r approvals.Rank) error
}

// Cloud is the script API for approved runs; [bmclient.Client] is one. Its errors, and
// those of [Looks], wrap [ErrQuota] where the quota has no room.
type Cloud interface {
	// Script reads a script. Errors wrap [bmclient.ErrNoScript] or are a *[bmclient.Error].
	Script(ctx context.Context, cmdID string) (bmclient.Script, error)
	// Tasks lists what was run, newest first.
	Tasks(ctx context.Context, p bmclient.Page) (bmclient.TaskList, error)
	// EachHost hands on what each host says of a task. Errors wrap [bmclient.ErrNoTask].
	EachHost(ctx context.Context, task string, each func(bmclient.HostRun) error) (total int, err error)
	// Run hands a run to the API, once.
	Run(ctx context.Context, key bmclient.Key, r bmclient.Run) (bmclient.Accepted, error)
	// In is the same cloud in another region; for its own, or for none, it is itself.
	In(region string) Cloud
	// Machines reads what the cloud says of these machines; those that it does not know are left out.
	Machines(ctx context.Context, ids []string) ([]bmclient.Machine, error)
	// Sent answers the tasks that were sent exactly this content; only where [bmclient.Sends].
	Sent(ctx context.Context, q bmclient.SentQuery) ([]string, error)
	// Stop has a task stopped on those hosts; only where [bmclient.Sends].
	Stop(ctx context.Context, key bmclient.Key, task string, hosts []string) error
}

// Looks is the script API for what people look at and ask for: it gives way to what an
// approved run needs, and one person to others. Neither of the two kinds waits for the other.
type Looks interface {
	Script(ctx context.Context, by Looker, cmdID string) (bmclient.Script, error)
	// Scripts lists scripts without their contents, newest first.
	Scripts(ctx context.Context, by Looker, q bmclient.ScriptQuery) (bmclient.ScriptList, error)
	// Machines is Cloud's, in each region that a login may name.
	Machines(ctx context.Context, by Looker, ids []string) ([]bmclient.Machine, error)
	// FindMachines lists machines whose name holds the text, or any if it is empty, in each such region.
	FindMachines(ctx context.Context, by Looker, name string) ([]bmclient.Machine, error)
}

// Looker is for whom something is read.
type Looker struct {
	User string
	Asks bool // to run it; else they only look. It does not wait for room, but fails with [ErrQuota]
}

// ErrQuota says that the API's quota of calls is used up for now. A *[Later] beside it says
// when to ask again.
var ErrQuota = errors.New("the API's quota of calls is used up")

// Credentials are what a granted run is sent with.
type Credentials struct {
	Key      bmclient.Key
	Password bmclient.Secret
}

// Logins knows the logins on hosts by name, and opens one for a granted run.
type Logins interface {
	// For names the one login of all hosts. Its error says which hosts have none or
	// another, in words for people, or wraps [approvals.ErrHostUntold].
	For(hosts []approvals.Host) (approvals.Login, error)
	// Asks are the kinds of facts about hosts that logins go by, up to the one of this name: see [approvals.Fact].
	Asks(login string) []string
	// Open reads the values. Nobody gets them whose approvals do not hold at this moment.
	Open(ctx context.Context, h approvals.Held) (Credentials, error)
	// OpenKey reads the key for runs, to stop one. Nobody without an order gets it.
	OpenKey(ctx context.Context, s approvals.StopOrder) (bmclient.Key, error)
	// Forget has the next Open read again, after the API refused the values.
	Forget(h approvals.Held)
}

// ErrCredentials says that credentials could not be read: what Open and the key
// sources of a Cloud wrap.
var ErrCredentials = errors.New("the credentials could not be read")

// UserRef is how an event names a person.
type UserRef struct{ Enterprise, Team, User string }

// Directory knows people, user groups and channels.
type Directory interface {
	// Outsiders reports whether people of other organisations see what is posted in a channel,
	// although nobody has allowed that. Answers are at most 60 s old. An error means that
	// nobody can tell.
	Outsiders(ctx context.Context, channel string) (bool, error)
	// Profile answers who u is now. An error means that nobody can tell.
	Profile(ctx context.Context, u UserRef) (approvals.Profile, error)
	// Members answers for each group that it can tell of; the error is about the others,
	// and holds an [approvals.NoGroup] for each that does not exist.
	// Answers are at most 60 s old, and a failure may be a few seconds old.
	Members(ctx context.Context, groups []string) (approvals.Members, error)
}

// Board shows requests to people. Its errors wrap one of those below, [approvals.ErrTooLong] or [approvals.ErrNotText], or mean
// "try again".
type Board interface {
	// Fits is nil if a card can show r, without asking the chat.
	Fits(r approvals.Request) error
	// Post puts the card of r up and mentions who may approve.
	Post(ctx context.Context, r approvals.Request) (channel, ts string, err error)
	// Redraw draws the card as r says.
	Redraw(ctx context.Context, r approvals.Request) error
	// Notify posts a notice: into the card's thread, or where that is not to be had to each
	// whom it concerns alone, but for those of n.Alone. With an error, too, it answers who
	// has been told alone by now.
	Notify(ctx context.Context, r approvals.Request, n approvals.Notice) (Posted, error)
	// Report is Notify for the result: out is what the hosts printed, scrubbed. Where outsiders
	// see the channel, see [Directory], each is told alone.
	Report(ctx context.Context, r approvals.Request, n approvals.Notice, out approvals.Outputs) (Posted, error)
	// Upload hands the chat the file with all that the hosts printed, which nobody sees
	// yet. It may be repeated. An error is a *[NoFile], or means "try again".
	Upload(ctx context.Context, r approvals.Request, out approvals.Outputs) (id string, err error)
	// Share puts the file r.File.ID into the thread of the result. What a second call does
	// after an error is in no document. Its errors are Upload's.
	Share(ctx context.Context, r approvals.Request) error
	// Link is a link to the card, or empty: a card that is gone has none. It may be a
	// minute old, so that lists cost few calls.
	Link(ctx context.Context, c approvals.Card) string
}

// Posted is where a notice stands.
type Posted struct {
	Alone  []string // user ids of those who were told alone; nil: it stands in a thread, or in the channel
	Thread string   // the thread's first message; empty: the channel itself
	File   bool     // of a result: not all of it fits, and a file has the rest
}

// NoFile says that the chat will never take a file.
type NoFile struct{ Why string } // a word for people, such as an error code

func (e *NoFile) Error() string { return "the chat takes no file: " + e.Why }

var (
	// ErrUnclear says that the chat may have taken a message although it does not say so.
	ErrUnclear = errors.New("it is not known whether the chat took the message")
	// ErrNotInChannel says that the bot is not in the channel or may not post there.
	ErrNotInChannel = errors.New("the bot is not in this channel")
	// ErrCardGone says that the card was deleted, or cannot be edited any more.
	ErrCardGone = errors.New("the card is gone")
	// ErrRejected says that the chat will never take this message.
	ErrRejected = errors.New("the chat rejects the message")
)

// Later says when to come again: the chat asks for it, or beside [ErrQuota] the quota.
type Later struct{ After time.Duration }

// RetryAfter is for caches of failures.
func (l *Later) RetryAfter() time.Duration { return l.After }

func (l *Later) Error() string { return "the chat asks to wait " + l.After.String() }
