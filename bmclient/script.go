package bmclient

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
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
	How      How
	Created  time.Time
	Modified time.Time // both in UTC+8, to the second; zero if the API gave none
}

// SHA256 is the hex digest of Content.
func (s Script) SHA256() string {
	sum := sha256.Sum256(s.Content)
	return hex.EncodeToString(sum[:])
}

// Script reads one script. It is sent again, signed anew, on a fault or an answer that may pass, at most Config.ReadAttempts times and
// never beyond ctx. Its error is an *Error; one that is ErrNoScript says that there is no such script.
func (c *Client) Script(ctx context.Context, cmdID string) (Script, error) {
	call := c.api.script(cmdID)
	if cmdID == "" {
		return Script{}, notSent(call.action, local("no script is named"))
	}
	ans, err := c.read(ctx, call)
	if err != nil {
		return Script{}, err
	}
	f, found, err := c.api.pick(c, ans.data, cmdID)
	switch {
	case err != nil:
		return Script{}, c.unusable(call, ans, err)
	case !found:
		return Script{}, &Error{
			Action: call.action, Meaning: "the API found nothing", Class: ClassFailed, HTTPStatus: http.StatusOK, RequestID: ans.requestID,
			cause: ErrNoScript,
		}
	}
	s, err := c.api.scriptOf(f)
	switch {
	case err != nil:
	case s.CmdID == "":
		s.CmdID = cmdID
	case s.CmdID != cmdID:
		err = errors.New("the answer is about another script")
	}
	if err != nil {
		return Script{}, c.unusable(call, ans, err)
	}
	return s, nil
}
