package bmclient

import "context"

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
	return nil, notSent("machines", local("this API does not tell of machines"))
}

// FindMachines lists machines whose name holds the text, or any if it is empty: some hundred at most. It is repeated like Script.
func (c *Client) FindMachines(ctx context.Context, name string) ([]Machine, error) {
	return nil, notSent("machines", local("this API does not tell of machines"))
}

// In is the same client for another region of the cloud, over the same connections; for the same, or for none, it is c itself.
func (c *Client) In(region string) *Client { return c }
