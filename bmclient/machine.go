package bmclient

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"
)

// Machine is what the cloud says of one machine.
type Machine struct {
	ID        string
	Name      string
	Told      bool // the cloud tells name and tags; of Lighthouse nothing does
	Region    string
	Addresses []string
	Tags      map[string]string // several values of one key, which Bare Metal may have, are lines in order
	OS        string            // linux or windows; empty: not told
	Trouble   string            // why nothing can be run on it now, to follow its id: "is stopped"; empty: nothing is known against it
}

// Machines reads what the cloud says of these machines, in any order; those that it does not know are left out. It is repeated like
// Script. Its error is an *Error; then nothing is known of any.
func (c *Client) Machines(ctx context.Context, ids []string) ([]Machine, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	found, err := c.api.machines(ctx, c, ids, "")
	return once(found), err
}

// once leaves one row of each machine. Of one whose rows differ, name and tags are not told.
func once(all []Machine) (left []Machine) {
	for _, m := range all {
		at := slices.IndexFunc(left, func(l Machine) bool { return l.ID == m.ID })
		if at < 0 {
			left = append(left, m)
			continue
		}
		l := &left[at]
		l.Told = l.Told && m.Told && l.Name == m.Name && maps.Equal(l.Tags, m.Tags)
		l.Trouble = cmp.Or(l.Trouble, m.Trouble)
	}
	return left
}

// FindMachines lists machines whose name is or holds the text, as the API understands it, or some hundred if it is empty. Whether
// something can be run on them is not looked at. It is repeated like Script. Its error is an *Error; one that is ErrTooLong says that there
// are more than are looked at, so that nobody can tell whether one is the only one of its name.
func (c *Client) FindMachines(ctx context.Context, name string) ([]Machine, error) {
	found, err := c.api.machines(ctx, c, nil, name)
	if name == "" && errors.Is(err, ErrTooLong) {
		return found, nil
	}
	return found, err
}

// mostPages is how many pages of machines are read: five have 100 ids where a page has 20 rows.
const mostPages = 5

// rowsOf reads all pages of a list of machines. Of one that has more than mostPages it answers those, and an error.
func rowsOf(ctx context.Context, c *Client, key string, ask func(Page) call, decode func(fields) Machine) (all []Machine, err error) {
	p := Page{Limit: LargestPage}
	row := func(f fields, _ func([]byte) []byte) (Machine, error) { return decode(f), nil }
	for range mostPages {
		total, rows, err := list(ctx, c, ask(p), p, key, row)
		if badParameter(err) && !refusesID(err) && p.Limit > defaultPage { // perhaps for the size of the page
			p.Limit = defaultPage
			total, rows, err = list(ctx, c, ask(p), p, key, row)
		}
		if err != nil {
			return nil, err
		}
		all = append(all, rows...)
		if p.Offset += len(rows); len(rows) == 0 || p.Offset >= total {
			return all, nil
		}
	}
	return all, &Error{Action: ask(p).action, Meaning: "there are more machines than are looked at", cause: ErrTooLong}
}

// byID reads the rows of these ids, or without any what is asked for else. One that is not there may have the API refuse the whole call,
// which is not documented: then each half is asked for by itself, and one alone that is refused is not there.
func byID(ctx context.Context, c *Client, key string, ids []string, ask func([]string, Page) call, decode func(fields) Machine) ([]Machine, error) {
	if len(ids) <= LargestPage {
		found, err := rowsOf(ctx, c, key, func(p Page) call { return ask(ids, p) }, decode)
		switch {
		case !refusesID(err), len(ids) == 0:
			return found, err
		case len(ids) == 1:
			return nil, nil
		}
	}
	half := len(ids) / 2
	found, err := byID(ctx, c, key, ids[:half], ask, decode)
	if err != nil {
		return nil, err
	}
	more, err := byID(ctx, c, key, ids[half:], ask, decode)
	return append(found, more...), err
}

// refusesID reports whether the API refused a machine's id.
func refusesID(err error) bool {
	code := codeOf(err)
	return isCode(code, "InvalidInstanceId") || isCode(code, "InvalidParameterValue.InvalidInstanceId") || isCode(code, "ResourceNotFound")
}

// beginning are the ids of these kinds of machines.
func beginning(ids []string, kinds ...string) []string {
	return slices.DeleteFunc(slices.Clone(ids), func(id string) bool {
		return !slices.ContainsFunc(kinds, func(kind string) bool { return strings.HasPrefix(id, kind) })
	})
}

// told reports whether the API gave a value: null is its word for one that it could not get.
func told(v json.RawMessage) bool { return len(v) > 0 && string(v) != "null" }

// machineOf reads id, name and tags. Where name or tags are missing, or cannot be read, they are not told: a rule that goes by them must not
// be passed over.
func (c *Client) machineOf(f fields, name, tags, key, value string) Machine {
	rows, err := objectsOf(f.raw(tags), f.n)
	m := Machine{
		ID: f.text("instanceId"), Name: f.text(name), Region: c.cfg.Region, Tags: map[string]string{},
		Told: told(f.raw(name)) && told(f.raw(tags)) && err == nil,
	}
	values := map[string][]string{}
	for _, r := range rows {
		k, all := r.text(key), []json.RawMessage{r.raw(value)}
		if several, err := arrayOf(all[0]); err == nil && len(several) > 0 {
			all = several
		}
		for _, v := range all {
			m.Told = m.Told && k != "" && told(v) && (flexText(v) != "" || isEmpty(v))
			values[k] = append(values[k], flexText(v))
		}
	}
	for k, all := range values {
		slices.Sort(all)
		m.Tags[k] = strings.Join(slices.Compact(all), "\n")
	}
	return m
}
