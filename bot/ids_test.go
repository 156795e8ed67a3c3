package bot

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/bmcmd/bmcmd/approvals"
)

// spelled has a request as it was kept before ids had one spelling.
func (r *rig) spelled(id, host string) {
	r.Helper()
	k := r.get(id).Request
	k.Asked.Hosts = []string{host}
	if k.Plan != nil {
		k.Plan.Hosts = k.Asked.Hosts
		k.Digest = k.Plan.Digest()
	}
	body, err := json.Marshal(k)
	if err != nil {
		r.Fatal(err)
	}
	r.memory.mu.Lock()
	defer r.memory.mu.Unlock()
	r.memory.rows[id].body = body
}

// A host in other letters would meet another rule, another login and another lock, and
// the API might take it all the same.
func TestOtherSpellingsOfAHost(t *testing.T) {
	strict := func(r *rig) {
		db, rest := r.policy[0], r.policy[0]
		db.Name, db.Hosts, db.Quorum = "db", approvals.PlainHosts("ins-db*"), 2
		r.policy = approvals.Policy{db, rest}
	}
	const says = `"ins-DB1" is not the id of a host: it has small letters, digits and - only, and neither begins nor ends with -; did you mean ins-db1?`
	t.Run("typed", func(t *testing.T) {
		playWith(t, strict, func(r *rig) {
			r.hears(r.says("ALICE", "run "+theScript+" ins-DB1"), says+" If so, paste this behind my name:")
			if len(r.memory.rows) != 0 {
				t.Error("a typo was kept")
			}
		})
	})
	t.Run("asked again, of a request from before", func(t *testing.T) {
		playWith(t, strict, func(r *rig) {
			id := r.words(r.says("ALICE", "run "+theScript+" ins-1")).Request
			r.press("BOB", Deny, id)
			r.spelled(id, "ins-DB1")
			r.hears(r.press("ALICE", Again, id), says+" Nothing ran; ask with the id as it is.")
			if len(r.memory.rows) != 1 {
				t.Error("it was kept")
			}
		})
	})
	t.Run("open from before", func(t *testing.T) {
		playWith(t, strict, func(r *rig) {
			id := r.words(r.says("ALICE", "run "+theScript+" ins-1")).Request
			r.is(id, approvals.Pending)
			r.spelled(id, "ins-DB1")
			r.press("BOB", Approve, id)
			if k := r.get(id); k.State != approvals.Pending {
				t.Errorf("it is %s", k.State)
			}
			r.ran(0)
			r.pass(31 * time.Minute)
			if k := r.get(id); !k.State.Ended() {
				t.Errorf("it is still %s", k.State)
			}
			r.ran(0)
		})
	})
	t.Run("unknown from before", func(t *testing.T) {
		playAsked(t, func(r *rig, id string) {
			r.spelled(id, "ins-DB1")
			r.press("BOB", Ran, id)
			r.press("DAVE", Ran, id)
			r.is(id, approvals.Settled)
		})
	})
}
