package approvals

import "time"

// Event is what a move or a refused click leaves behind. Events are only added,
// and outlive their request.
type Event struct {
	Request  string    `json:"request"`
	Revision int64     `json:"revision"` // of the record after the move
	Move     string    `json:"move"`
	From     State     `json:"from,omitempty"`
	To       State     `json:"to,omitempty"`
	By       Person    `json:"by,omitzero"`
	Note     string    `json:"note,omitempty"`
	Digest   Digest    `json:"digest,omitempty"`
	At       time.Time `json:"at"`
}
