package redisstore

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/redis/go-redis/v9"

	"github.com/bmcmd/bmcmd/approvals"
)

// mostTexts bounds the texts of scripts that a process remembers, in bytes.
const mostTexts = 32 << 20

// texts are those of scripts, by their SHA-256. Redis has each once, for all requests that
// have it; a process asks for one that it has not seen.
type texts struct {
	caller
	keys keys

	mu   sync.Mutex
	seen map[string][]byte
	size int
}

func newTexts(c caller, k keys) *texts {
	return &texts{caller: c, keys: k, seen: map[string][]byte{}}
}

// has reports whether Redis was seen to have it.
func (t *texts) has(sha string) ([]byte, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	text, is := t.seen[sha]
	return text, is
}

// heard remembers a text that Redis has.
func (t *texts) heard(sha string, text []byte) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if _, is := t.seen[sha]; is || len(text) > mostTexts {
		return
	}
	for other := range t.seen {
		if t.size+len(text) <= mostTexts {
			break
		}
		t.size -= len(t.seen[other])
		delete(t.seen, other)
	}
	t.seen[sha] = text
	t.size += len(text)
}

// of is a text. It is [approvals.ErrUnreadable] where Redis has another or none.
func (t *texts) of(ctx context.Context, sha string) ([]byte, error) {
	if text, is := t.has(sha); is {
		return text, nil
	}
	a, err := t.read(ctx, textScript, []string{t.keys.script(sha)})
	if err != nil {
		return nil, err
	}
	text := []byte(a.text(0))
	if sum := sha256.Sum256(text); hex.EncodeToString(sum[:]) != sha {
		return nil, fmt.Errorf("%w: the text of its script is not there, or is another: look at script:%s with redis-cli", approvals.ErrUnreadable, sha)
	}
	t.heard(sha, text)
	return text, nil
}

// textScript reads the text of a script.
//
// KEYS: 1 script.
// Returns: seconds, microseconds, the text if it is there.
var textScript = redis.NewScript(clock + `
return {t[1], t[2], redis.call('GET', KEYS[1])}
`)

// An event with a plan has the text of its script in base64. What is stored has its hash
// there instead, behind an @, which base64 does not have.
const (
	contentHere  = `"content":"`
	contentApart = contentHere + "@"
)

// takeOut is the text of an event without that of the script in its plan.
func takeOut(text []byte, p *approvals.Plan) []byte {
	if p == nil || len(p.Script.Content) == 0 {
		return text
	}
	here := contentHere + base64.StdEncoding.EncodeToString(p.Script.Content) + `"`
	return bytes.Replace(text, []byte(here), []byte(contentApart+p.Script.SHA256()+`"`), 1)
}

// putBack is what takeOut was given.
func (t *texts) putBack(ctx context.Context, text string) (string, error) {
	before, rest, is := strings.Cut(text, contentApart)
	if !is || len(rest) < 2*sha256.Size {
		return text, nil
	}
	script, err := t.of(ctx, rest[:2*sha256.Size])
	if err != nil {
		return "", err
	}
	return before + contentHere + base64.StdEncoding.EncodeToString(script) + rest[2*sha256.Size:], nil
}

// event reads a line of the list of events: "ms" and the packed text of one, or as earlier
// forms have it "ms hash JSON", or "ms JSON" with the hash inside.
func (t *texts) event(ctx context.Context, line string) (approvals.Event, error) {
	at, text, _ := strings.Cut(line, " ")
	hash, stands := "", !strings.HasPrefix(text, "{") && !strings.HasPrefix(text, packed)
	if stands {
		hash, text, _ = strings.Cut(text, " ")
	}
	text, err := unpack(text)
	if err == nil {
		text, err = t.putBack(ctx, text)
	}
	if err != nil && !errors.Is(err, errNotPacked) {
		return approvals.Event{}, err
	}
	e, err := approvals.DecodeEvent([]byte(text))
	if err != nil {
		return approvals.Event{}, fmt.Errorf("%w: an event is not what bmcmd wrote: look at it with bmcmd audit export", approvals.ErrUnreadable)
	}
	if stands {
		e.Hash = hash // as it was written; Verify holds it against the text
	}
	if e.At.IsZero() {
		e.At = millis(at)
	}
	return e, nil
}

// record reads what stands in a request's hash: body, at, on and refused.
func (t *texts) record(ctx context.Context, body, at, on, refused string) (approvals.Request, error) {
	r, err := t.body(ctx, body)
	if r.Received.IsZero() { // the record itself says so from its second version on, and by which store
		r.Received = millis(at)
	}
	if r.KeptOn == "" {
		r.KeptOn = on
	}
	r.Refused = refusedClicks(refused)
	return r, err
}

// body is record without what stands beside the body.
func (t *texts) body(ctx context.Context, body string) (approvals.Request, error) {
	text, err := unpack(body)
	if err != nil {
		text = ""
	}
	return approvals.DecodeRequest([]byte(text), func(sha string) ([]byte, error) { return t.of(ctx, sha) })
}
