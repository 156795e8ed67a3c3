package bmclient

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
)

// Page is a part of a list. What is listed may change between two pages, so that a row comes twice or not at all.
type Page struct {
	Offset int // of the first row, from 0
	Limit  int // rows at most; 20 if zero. The API's own largest is not documented; 100 is assumed
}

// LargestPage is how many rows are asked for at once where all are wanted.
const LargestPage = 100

// defaultPage is the documented default of rows, which the API must therefore take.
const defaultPage = 20

func (p Page) check() error {
	if p.Offset < 0 || p.Limit < 0 {
		return local("a page's offset or limit is negative")
	}
	return nil
}

func (p Page) orDefault() Page {
	if p.Limit == 0 {
		p.Limit = defaultPage
	}
	return p
}

// ScriptQuery says which scripts are wanted.
type ScriptQuery struct {
	Search string // a part of an id or an alias, as the API understands it; empty: all
	Page
}

// ScriptList is one page of the scripts there are.
type ScriptList struct {
	Total   int // of all pages
	Scripts []Script
}

// Scripts lists scripts, newest first, without their Content: Script reads that, and only that is what runs. It is repeated like
// Script. Its error is an *Error.
func (c *Client) Scripts(ctx context.Context, q ScriptQuery) (ScriptList, error) {
	q.Page = q.Page.orDefault()
	total, scripts, err := list(ctx, c, c.api.scripts(q), q.Page, c.api.names().scripts, c.decodeListed)
	return ScriptList{Total: total, Scripts: scripts}, err
}

// decodeListed reads a script from a list. Times are decoration there; one that cannot be read is zero.
func (c *Client) decodeListed(f fields, _ func([]byte) []byte) (Script, error) {
	if Sends(c.cfg.API) {
		s, err := c.api.scriptOf(f)
		if s.Content = nil; s.CmdID != "" {
			err = nil // what is wrong with one keeps nobody from the others
		}
		return s, err
	}
	s := Script{
		CmdID: f.text("cmdId"), Alias: f.text("alias"), OSType: f.text("osType"), AppID: f.text("appId"),
		Created: f.time("createTime"), Modified: f.time("modifyTime"),
	}
	if s.CmdID == "" {
		return Script{}, errors.New("a listed script has no id")
	}
	return s, nil
}

// list reads one page. decode gets each row, and what hides the secrets of the call that asked for it.
func list[T any](ctx context.Context, c *Client, call call, p Page, key string, decode func(fields, func([]byte) []byte) (T, error)) (int, []T, error) {
	if err := p.check(); err != nil {
		return 0, nil, notSent(call.action, err)
	}
	ans, err := c.read(ctx, call)
	if err != nil {
		return 0, nil, err
	}
	total, rows, err := c.rows(ans.data, key)
	var all []T
	for i := 0; err == nil && i < len(rows); i++ {
		if c.cfg.Rows != nil {
			c.cfg.Rows(rows[i].m)
		}
		var one T
		if one, err = decode(rows[i], ans.hide); err == nil {
			all = append(all, one)
		}
	}
	if err != nil {
		return 0, nil, c.unusable(call, ans, err)
	}
	return total, all, nil
}

// unusable is the error for a success that does not say what was asked for.
func (c *Client) unusable(call call, ans answer, cause error) *Error {
	return &Error{Action: call.action, Meaning: "no usable answer came", HTTPStatus: http.StatusOK, RequestID: ans.requestID, cause: cause}
}

// rows finds the rows of a list and how many there are in all. No data at all is an empty list, as an API in PHP may write it; a list that
// is missing beside a total that is not zero is an error.
func (c *Client) rows(data json.RawMessage, key string) (total int, rows []fields, err error) {
	if isEmpty(data) {
		return 0, nil, nil
	}
	m, err := object(data)
	if err != nil {
		return 0, nil, errJSON
	}
	n := c.api.names()
	raw, err := arrayOf(m[key])
	if err != nil {
		return 0, nil, fmt.Errorf("%s in the answer is not a list", key)
	}
	total, ok := flexInt(m[n.total])
	switch {
	case !ok && len(raw) > 0:
		total = len(raw)
	case !ok:
		return 0, nil, fmt.Errorf("the answer holds neither %s nor %s", n.total, key)
	case total < 0:
		return 0, nil, fmt.Errorf("%s in the answer is negative", n.total)
	case total > 0 && m[key] == nil:
		return 0, nil, fmt.Errorf("the answer holds no %s", key)
	}
	for _, r := range raw {
		m, err := object(r)
		if err != nil {
			return 0, nil, fmt.Errorf("a row of %s is not an object", key)
		}
		rows = append(rows, fields{m, n})
	}
	return total, rows, nil
}
