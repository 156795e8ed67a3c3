package bot

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/bmcmd/bmcmd/approvals"
)

// storeTime is how long one word with the store may take.
const storeTime = 2 * time.Second

// errRest says that the request needs nothing more for now.
var errRest = errors.New("nothing to do for now")

// work does what the request's state still needs, one step and one stored move at
// a time, until it needs nothing for now or the store does not answer. Whatever
// is left undone is found due later, here or elsewhere.
func (b *Bot) work(ctx context.Context, k approvals.Kept) {
	defer func() {
		if p := recover(); p != nil {
			b.Log.Error("a step panicked", "request", k.ID, "state", k.State, "stack", b.Scrub(string(debug.Stack())))
		}
	}()
	for {
		next, err := b.step(ctx, k)
		switch {
		case err == nil:
		case errors.Is(err, approvals.ErrConflict): // somebody was faster: next is theirs
		case errors.Is(err, errRest):
			return
		default:
			b.Log.Warn("a step was not stored", "request", k.ID, "state", k.State, "error", err)
			return
		}
		if next.ID == "" || !next.Mine {
			return
		}
		k = next
	}
}

// step is the next thing to do for k: first what its state needs, then what
// people are owed.
func (b *Bot) step(ctx context.Context, k approvals.Kept) (approvals.Kept, error) {
	now := k.Clock()
	passed := func(t time.Time) bool { return !t.IsZero() && !now.Before(t) }
	switch {
	case k.State == approvals.Received && !now.Before(k.RetryAt):
		return b.lookUp(ctx, k)
	case (k.State == approvals.Pending || k.State == approvals.Approved) && passed(k.Expires):
		return b.advance(ctx, k, approvals.Expire())
	case k.State == approvals.Approved && (k.Waiting == "" || passed(k.RetryAt)):
		return b.dispatch(ctx, k)
	case k.State == approvals.Executing && k.LastSend().Worker == b.Desk.Worker():
		return b.resume(ctx, k)
	case k.State == approvals.Executing && passed(k.LastSend().LeaseUntil):
		return b.advance(ctx, k, approvals.Lose())
	case k.Owes() && !now.Before(k.PostAt):
		return b.post(ctx, k)
	}
	return k, errRest
}

// advance stores a move on the version in hand.
func (b *Bot) advance(ctx context.Context, k approvals.Kept, m approvals.Move) (approvals.Kept, error) {
	ctx, cancel := context.WithTimeout(ctx, storeTime)
	defer cancel()
	return b.Desk.Advance(ctx, k, m)
}

// post draws the card if it is behind, else posts the first notice.
func (b *Bot) post(ctx context.Context, k approvals.Kept) (approvals.Kept, error) {
	ctx2, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	var err error
	var done approvals.Move
	if k.Behind() {
		done, err = b.draw(ctx2, k)
	} else {
		n := k.Notices[0]
		done = approvals.Told(n.N)
		if err = b.Board.Notify(ctx2, k.Request, n); errors.Is(err, ErrRejected) || errors.Is(err, ErrNotInChannel) {
			b.Log.Error("a notice can not be posted", "request", k.ID, "notice", n.Kind, "error", err)
			err = nil
		}
	}
	if err != nil {
		b.Log.Warn("the chat did not take a message", "request", k.ID, "error", err)
		done = approvals.Postpone(k.Clock().Add(pause(err, k.PostTries)))
	}
	return b.advance(ctx, k, done)
}

// draw brings the card up to date. A card that was deleted is posted again, once.
func (b *Bot) draw(ctx context.Context, k approvals.Kept) (approvals.Move, error) {
	err := b.Board.Redraw(ctx, k.Request)
	switch {
	case err == nil:
		return approvals.Shown(k.Card.Channel, k.Card.TS, k.Card.Look, false), nil
	case errors.Is(err, ErrCardGone) && !k.Card.Reposted:
		channel, ts, err := b.Board.Post(ctx, k.Request)
		if errors.Is(err, ErrNotInChannel) || errors.Is(err, ErrRejected) {
			break
		}
		return approvals.Shown(channel, ts, k.Card.Look, true), err
	case !errors.Is(err, ErrCardGone) && !errors.Is(err, ErrRejected) && !errors.Is(err, ErrNotInChannel):
		return approvals.Move{}, err
	}
	b.Log.Error("the card can not be drawn any more", "request", k.ID, "error", err)
	return approvals.Vanished(), nil
}

// pause is how long to wait before the next try: as long as the chat asks, else
// twice as long each time, up to half a minute.
func pause(err error, tries int) time.Duration {
	var later *Later
	if errors.As(err, &later) && later.After > 0 {
		return later.After
	}
	return min(30*time.Second, time.Second<<min(tries, 5))
}

// facts asks the directory and today's rules about a request. people are those
// whose standing is asked for, too.
func (b *Bot) facts(ctx context.Context, r approvals.Request, people ...approvals.Person) (approvals.Facts, error) {
	asked, err := b.Directory.Members(ctx, b.Policy.RequesterGroups())
	if err != nil {
		return approvals.Facts{}, fmt.Errorf("%w: %w", approvals.ErrMembersUnknown, err)
	}
	rule, err := b.Policy.Match(r.Subject(), asked)
	if err != nil {
		return approvals.Facts{}, err
	}
	groups := rule.Groups()
	if r.Plan != nil {
		groups = append(groups, r.Plan.Rule.Groups()...)
	}
	members, err := b.Directory.Members(ctx, groups)
	if err != nil {
		return approvals.Facts{}, fmt.Errorf("%w: %w", approvals.ErrMembersUnknown, err)
	}
	f := approvals.Facts{Rule: rule, Members: members, Standing: map[string]error{}}
	for _, p := range people {
		profile, err := b.Directory.Profile(ctx, userRef(p, r.Origin.Team))
		if err != nil {
			return approvals.Facts{}, fmt.Errorf("%w: %w", errWho, err)
		}
		if err := profile.Admit(); err != nil || profile.Key() == p.Key() {
			f.Standing[p.Key()] = err
		}
	}
	return f, nil
}

// userRef is how to look up p again: Org is an enterprise unless it is the team.
func userRef(p approvals.Person, team string) UserRef {
	if p.Org == team {
		return UserRef{Team: team, User: p.User}
	}
	return UserRef{Enterprise: p.Org, Team: team, User: p.User}
}

// errWho says that the directory did not tell who somebody is.
var errWho = errors.New("Slack did not tell who this is")
