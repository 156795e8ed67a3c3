package bmclient

import (
	"context"
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
	Tags      map[string]string
	OS        string // linux or windows; empty: not told
	Trouble   string // why nothing can be run on it now, to follow its id: "is stopped"; empty: nothing is known against it
}

// Machines reads what the cloud says of these machines, in any order; those that it does not know are left out. It is repeated like
// Script. Its error is an *Error; then nothing is known of any.
func (c *Client) Machines(ctx context.Context, ids []string) ([]Machine, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	return c.api.machines(ctx, c, ids)
}

// FindMachines lists machines whose name is or holds the text, as the API understands it, or some hundred if it is empty. Whether
// something can be run on them is not looked at. It is repeated like Script. Its error is an *Error.
func (c *Client) FindMachines(ctx context.Context, name string) ([]Machine, error) {
	return c.api.findMachines(ctx, c, name)
}

// mostFound is how many pages of machines are looked at for a name that nothing has.
const mostFound = 3

// rowsOf reads all pages of a list of machines, or the first few.
func rowsOf(ctx context.Context, c *Client, key string, ask func(Page) call, pages int, decode func(fields) Machine) (all []Machine, err error) {
	p := Page{Limit: LargestPage}
	for range pages {
		total, rows, err := list(ctx, c, ask(p), p, key, func(f fields, _ func([]byte) []byte) (Machine, error) { return decode(f), nil })
		if badParameter(err) && p.Limit > defaultPage { // perhaps for the size of the page
			p.Limit = defaultPage
			total, rows, err = list(ctx, c, ask(p), p, key, func(f fields, _ func([]byte) []byte) (Machine, error) { return decode(f), nil })
		}
		if err != nil {
			return nil, err
		}
		all = append(all, rows...)
		if p.Offset += len(rows); len(rows) == 0 || p.Offset >= total {
			break
		}
	}
	return all, nil
}

// inChunks asks for so many ids at a time.
func inChunks(ids []string, n int, ask func([]string) ([]Machine, error)) (all []Machine, err error) {
	for chunk := range slices.Chunk(ids, n) {
		found, err := ask(chunk)
		if err != nil {
			return nil, err
		}
		all = append(all, found...)
	}
	return all, nil
}

// beginning are the ids of one kind of machine.
func beginning(ids []string, with string) []string {
	return slices.DeleteFunc(slices.Clone(ids), func(id string) bool { return !strings.HasPrefix(id, with) })
}

// tags reads a list of keys and values.
func (f fields) tags(key, name, value string) map[string]string {
	all := map[string]string{}
	rows, _ := objectsOf(f.raw(key), f.n)
	for _, r := range rows {
		v := r.text(value)
		if values := texts(r.raw(value)); len(values) > 0 {
			v = strings.Join(values, ",")
		}
		all[r.text(name)] = v
	}
	return all
}
