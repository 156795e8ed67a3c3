package serve

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"

	"github.com/bmcmd/bmcmd/approvals"
	"github.com/bmcmd/bmcmd/bmclient"
	"github.com/bmcmd/bmcmd/cmd/internal/config"
)

// Reads asks the cloud what an operator wants to know at a terminal, with the key
// for reads. Of everything that a config names it opens the vault and that key,
// nothing else. It cannot run a script: nothing goes around the review.
type Reads struct{ s *Server }

// OpenReads connects to nothing yet.
func OpenReads(ctx context.Context, cfg *config.Config) (*Reads, error) {
	s := &Server{cfg: cfg, log: slog.New(slog.DiscardHandler)}
	for _, part := range []func(context.Context) error{s.openVault, s.openCloud} {
		if err := part(ctx); err != nil {
			s.Close()
			return nil, err
		}
	}
	return &Reads{s}, nil
}

// Close lets go of connections.
func (r *Reads) Close() { r.s.Close() }

// Scrub takes the vault's token and the key out of a text.
func (r *Reads) Scrub(text string) string { return r.s.Scrub(text) }

// Script reads the script of an id (cmd-…), or the one script that has the word as
// its alias. Errors wrap [bmclient.ErrNoScript], [ErrAlias] or [approvals.ErrNotID], or
// are the client's.
func (r *Reads) Script(ctx context.Context, word string) (bmclient.Script, error) {
	if approvals.LikeScript(word) {
		if err := approvals.ScriptID.Check(word); err != nil {
			return bmclient.Script{}, err
		}
		return r.s.cloud.Script(ctx, word)
	}
	id, err := r.ID(ctx, word)
	if err != nil {
		return bmclient.Script{}, err
	}
	return r.s.cloud.Script(ctx, id)
}

// ID is the id of the one script that has an alias. Errors are those of Script.
func (r *Reads) ID(ctx context.Context, alias string) (string, error) {
	found, err := r.named(ctx, alias)
	switch n := len(found); {
	case err != nil:
		return "", err
	case n == 0:
		return "", fmt.Errorf("%w with the alias %q; call scripts lists what there is", bmclient.ErrNoScript, alias)
	case n > 5:
		return "", fmt.Errorf("%w: %s and %d more; give the id of the one you mean", ErrAlias, strings.Join(found[:5], ", "), n-5)
	case n > 1:
		return "", fmt.Errorf("%w: %s; give the id of the one you mean", ErrAlias, strings.Join(found, ", "))
	}
	return found[0], approvals.ScriptID.Check(found[0]) // rules are for ids of one form
}

// ErrAlias says that several scripts have an alias.
var ErrAlias = errors.New("several scripts have this alias")

// named are the ids of the scripts with an alias.
func (r *Reads) named(ctx context.Context, alias string) (ids []string, err error) {
	all, err := r.Scripts(ctx, alias, 0)
	for _, s := range all.Scripts {
		if s.Alias == alias {
			ids = append(ids, s.CmdID)
		}
	}
	return ids, err
}

// mostRows bounds a list, so that one that never ends does.
const mostRows = 10_000

// Scripts lists scripts, newest first, without their contents: at most so many, or
// all for 0. search is part of an id or alias, or empty.
func (r *Reads) Scripts(ctx context.Context, search string, most int) (bmclient.ScriptList, error) {
	var out bmclient.ScriptList
	err := pages(most, func(p bmclient.Page) (total, rows int, err error) {
		page, err := r.s.cloud.Scripts(ctx, bmclient.ScriptQuery{Search: search, Page: p})
		out.Total, out.Scripts = page.Total, append(out.Scripts, page.Scripts...)
		return page.Total, len(page.Scripts), err
	})
	return out, err
}

// Tasks lists what was run, newest first, in each region of the config: at most so many, or all for 0.
func (r *Reads) Tasks(ctx context.Context, most int) (bmclient.TaskList, error) {
	var out bmclient.TaskList
	for _, there := range r.regions() {
		total := 0
		err := pages(most, func(p bmclient.Page) (_, rows int, err error) {
			page, err := there.Tasks(ctx, p)
			total, out.Tasks = page.Total, append(out.Tasks, page.Tasks...)
			return page.Total, len(page.Tasks), err
		})
		if err != nil {
			return out, err
		}
		out.Total += total
	}
	if len(r.s.cfg.Regions()) > 0 {
		slices.SortStableFunc(out.Tasks, func(a, b bmclient.Task) int { return b.Begun.Compare(a.Begun) })
	}
	if most > 0 && len(out.Tasks) > most {
		out.Tasks = out.Tasks[:most]
	}
	return out, nil
}

// regions are the cloud in the config's region, and then in those of logins.
func (r *Reads) regions() []cloud {
	all := []cloud{r.s.cloud}
	for _, region := range r.s.cfg.Regions() {
		all = append(all, r.s.cloud.in(region))
	}
	return all
}

// pages asks for a list page by page.
func pages(most int, ask func(bmclient.Page) (total, rows int, err error)) error {
	if most <= 0 || most > mostRows {
		most = mostRows
	}
	for at := 0; at < most; {
		total, rows, err := ask(bmclient.Page{Offset: at, Limit: min(most-at, bmclient.LargestPage)})
		at += rows
		if err != nil || rows == 0 || at >= total {
			return err
		}
	}
	return nil
}

// Task reads what every host of a task says, in whichever region it is. Errors wrap
// [bmclient.ErrNoTask] or are the client's.
func (r *Reads) Task(ctx context.Context, id string) (all []bmclient.HostRun, err error) {
	for _, there := range r.regions() {
		_, err = there.EachHost(ctx, id, func(h bmclient.HostRun) error {
			all = append(all, h)
			return nil
		})
		if len(all) > 0 || err != nil && !errors.Is(err, bmclient.ErrNoTask) {
			return all, err
		}
	}
	if err == nil {
		err = fmt.Errorf("%w: %s", bmclient.ErrNoTask, id)
	}
	return nil, err
}
