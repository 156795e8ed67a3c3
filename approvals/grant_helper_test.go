package approvals

import "time"

// Grant is both proofs at once.
func (r Request) Grant(plan Plan, today Facts, now time.Time) (Grant, error) {
	h, err := r.Hold(today, now)
	if err != nil {
		return Grant{}, err
	}
	return h.Grant(plan)
}
