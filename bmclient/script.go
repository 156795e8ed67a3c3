package bmclient

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"time"
)

// Script is what GetUserCmd says of one script.
type Script struct {
	CmdID    string
	Alias    string
	OSType   string // linux or xserver
	Content  []byte // decoded, byte for byte
	Plain    bool   // the API sent the content as plain text, as its older versions did, not as base64
	AppID    string // the account's
	Created  time.Time
	Modified time.Time // both in UTC+8, to the second; zero if the API gave none
}

// SHA256 is the hex digest of Content.
func (s Script) SHA256() string {
	sum := sha256.Sum256(s.Content)
	return hex.EncodeToString(sum[:])
}

// Script reads one script. It is sent again, signed anew, on a fault or a number that may pass, at most Config.ReadAttempts times and
// never beyond ctx. Its error is an *Error; one that is ErrNoScript says that there is no such script.
func (c *Client) Script(ctx context.Context, cmdID string) (Script, error) {
	if cmdID == "" {
		return Script{}, notSent(actionRead, local("no script is named"))
	}
	ans, err := c.read(ctx, actionRead, params{{"cmdId", cmdID}})
	if err != nil {
		return Script{}, err
	}
	if isEmpty(ans.data) {
		return Script{}, &Error{Action: actionRead, Meaning: "the API found nothing", Class: ClassFailed, HTTPStatus: 200, cause: ErrNoScript}
	}
	s, err := decodeScript(ans.data)
	switch {
	case err != nil:
	case s.CmdID == "":
		s.CmdID = cmdID
	case s.CmdID != cmdID:
		err = errors.New("the answer is about another script")
	}
	if err != nil {
		return Script{}, &Error{Action: actionRead, Meaning: "no usable answer came", HTTPStatus: 200, RequestID: ans.requestID, cause: err}
	}
	return s, nil
}
