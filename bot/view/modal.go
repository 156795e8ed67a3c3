package view

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/slack-go/slack"

	"github.com/bmcmd/bmcmd/approvals"
)

// Names in the deny modal: the callback id of its submission, and the block that an
// error about the reason belongs to.
const (
	DenyCallback = "bmcmd:deny"
	DenyBlock    = "reason"
	denyAction   = "reason"
)

// The length of a reason, in characters.
const (
	minReason = 3
	maxReason = 500
)

// Deny is what a sent deny modal says.
type Deny struct {
	Request   string           `json:"request"`
	Digest    approvals.Digest `json:"digest"`
	Channel   string           `json:"channel"`
	MessageTS string           `json:"message_ts"` // of the card
	Reason    string           `json:"-"`
}

// DenyModal asks for the reason of a denial. What its submission needs travels with it.
func DenyModal(request string, digest approvals.Digest, channel, messageTS string) slack.ModalViewRequest {
	carried, _ := json.Marshal(Deny{Request: request, Digest: digest, Channel: channel, MessageTS: messageTS}) // strings only
	input := slack.NewPlainTextInputBlockElement(plain("What speaks against it?"), denyAction)
	input.Multiline, input.MinLength, input.MaxLength, input.FocusOnLoad = true, minReason, maxReason, true
	return slack.ModalViewRequest{
		Type:            slack.VTModal,
		CallbackID:      DenyCallback,
		Title:           plain("Deny this request"),
		Submit:          plain("Deny"),
		Close:           plain("Back"),
		PrivateMetadata: string(carried),
		Blocks: slack.Blocks{BlockSet: []slack.Block{
			slack.NewInputBlock(DenyBlock, plain("Reason"), plain("One denial ends request "+cutLine(request, 40)+". The reason stands on the card for all to read."), input),
		}},
	}
}

// ParseDeny reads a sent deny modal. Errors wrap [ErrMalformed], or [ErrReason] with
// the rest filled in: then the person should be asked again.
func ParseDeny(v slack.View) (Deny, error) {
	var d Deny
	if v.CallbackID != DenyCallback || v.State == nil {
		return Deny{}, fmt.Errorf("%w: another form", ErrMalformed)
	}
	dec := json.NewDecoder(bytes.NewReader([]byte(v.PrivateMetadata)))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&d); err != nil {
		return Deny{}, fmt.Errorf("%w: unreadable metadata", ErrMalformed)
	}
	if _, err := dec.Token(); err != io.EOF {
		return Deny{}, fmt.Errorf("%w: unreadable metadata", ErrMalformed)
	}
	if !isRequest(d.Request) || !isDigest(string(d.Digest)) {
		return Deny{}, fmt.Errorf("%w: unreadable metadata", ErrMalformed)
	}
	d.Reason = strings.TrimSpace(v.State.Values[DenyBlock][denyAction].Value)
	if n := utf8.RuneCountInString(d.Reason); n < minReason || n > maxReason {
		return d, ErrReason
	}
	return d, nil
}

// Said is the answer shown in place of the deny modal. text is read as in [Words].
func Said(text string) slack.ModalViewRequest {
	p := &page{}
	p.line(spoken(text)...)
	return slack.ModalViewRequest{
		Type:   slack.VTModal,
		Title:  plain("bmcmd"),
		Close:  plain("Close"),
		Blocks: slack.Blocks{BlockSet: p.message("said").Blocks},
	}
}
