package view

import "github.com/bmcmd/bmcmd/approvals"

// audit is where the chain of events ends, to be held against what is stored. Text has
// it at once; in the blocks it stands last.
func (p *page) audit(r approvals.Request) {
	if row := auditRow(r); row != nil {
		for _, s := range row {
			p.text.WriteString(string(s.text))
		}
		p.text.WriteByte('\n')
		p.foot = row
	}
}

func auditRow(r approvals.Request) []span {
	if r.Events == 0 || r.Head == "" || !isDigest(r.Head) {
		return nil
	}
	return []span{say(safe("Audit: " + count(r.Events, "event") + ", head ")), code(r.Head, maxName)}
}
