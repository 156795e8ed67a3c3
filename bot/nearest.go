package bot

import "github.com/bmcmd/bmcmd/approvals"

// nearest is the verb within two slips of s, or empty.
func nearest(s string) Verb {
	if len(s) > longestID {
		return ""
	}
	best, slips := Verb(""), 3
	for _, v := range verbs {
		if d := approvals.Distance(s, string(v)); d < slips {
			best, slips = v, d
		}
	}
	return best
}
