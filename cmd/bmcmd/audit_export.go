package main

import (
	"bufio"
	"context"
	"crypto"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"strings"
	"time"

	"github.com/bmcmd/bmcmd/approvals/redisstore"
	"github.com/bmcmd/bmcmd/cmd/internal/serve"
)

// export is one export under way.
type export struct {
	out *bufio.Writer
	sum hash.Hash     // of what was printed
	key crypto.Signer // nil: the export is not signed

	requests, events int
	unreadable       int      // events
	lost             int      // requests that the index does not have
	missing          []string // requests asked for by id, of which nothing is there
}

func newExport(w io.Writer) *export { return &export{out: bufio.NewWriter(w), sum: sha256.New()} }

// run prints everything that is chosen. After an error what was printed has no last
// line, so that nobody takes it for whole.
func (x *export) run(ctx context.Context, from *serve.Audit, ch choice) error {
	first := exportLine{Kind: "export", Version: exportVersion, Workspace: from.Workspace, At: time.Now().UTC().Truncate(time.Second), Filters: ch.words()}
	if err := x.line(first); err != nil {
		return err
	}
	err := each(ctx, from, ch, func(h redisstore.History) error {
		p := pastOf(h)
		if h.Empty() && len(ch.requests) > 0 {
			x.missing = append(x.missing, h.ID)
		}
		if h.Empty() || !ch.takes(p) {
			return nil
		}
		if h.Indexed.IsZero() {
			x.lost++
		}
		return x.request(p)
	})
	if err == nil {
		err = x.end(endLine{Kind: "end", Requests: x.requests, Events: x.events, SHA256: hex.EncodeToString(x.sum.Sum(nil))})
	}
	if flushed := x.out.Flush(); err == nil {
		err = flushed
	}
	return err
}

// end prints the last line, and signs it and all before.
func (x *export) end(l endLine) error {
	err := x.line(l)
	if err != nil || x.key == nil {
		return err
	}
	s, err := signature(x.key, x.sum.Sum(nil))
	if err == nil {
		err = x.line(s)
	}
	return err
}

func (x *export) request(p past) error {
	for _, l := range p.lines() {
		if err := x.line(l); err != nil {
			return err
		}
	}
	x.requests++
	x.events += len(p.events)
	x.unreadable += len(p.odd)
	if p.noList {
		x.unreadable++
	}
	return nil
}

func (x *export) line(v any) error {
	b, err := encodeLine(v)
	if err != nil {
		return err
	}
	x.sum.Write(b)
	_, err = x.out.Write(b)
	return err
}

// shortOf says what was asked for and cannot be in the export, which is whole else.
func (x *export) shortOf() error {
	var errs []error
	if len(x.missing) > 0 {
		errs = append(errs, fmt.Errorf("nothing is kept of %s: look at the id, and at keep.events", strings.Join(x.missing, ", ")))
	}
	if x.unreadable > 0 {
		errs = append(errs, fmt.Errorf("the export has everything but %s that cannot be read: bmcmd audit verify names what is wrong", counted(x.unreadable, "event")))
	}
	return errors.Join(errs...)
}

// summary is what is said of a whole export.
func (x *export) summary() string {
	s := fmt.Sprintf("Exported %s with %s.", counted(x.requests, "request"), counted(x.events, "event"))
	if x.lost > 0 {
		s += fmt.Sprintf(" The index in Redis lacks %s, which came last; bmcmd audit verify names them.", counted(x.lost, "request"))
	}
	return s
}
