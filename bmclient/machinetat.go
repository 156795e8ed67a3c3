package bmclient

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"sync"
)

// machines asks three lists at the same time: CVM's for virtual machines (ins-…), TAT's own for registered ones (rins-…), and the
// agents of all. Of Lighthouse (lhins-…) only the agent tells: one without an agent is not known.
func (tat) machines(ctx context.Context, c *Client, ids []string) ([]Machine, error) {
	var known, registered, agents []Machine
	ask := func(to *[]Machine, of listed, ids []string, decode func(fields) Machine) func() error {
		return func() (err error) {
			*to, err = byID(ctx, c, of.key, ids, of.ids, decode)
			return err
		}
	}
	err := together(
		ask(&known, virtualMachines, beginning(ids, "ins-"), c.virtual),
		ask(&registered, registeredMachines, beginning(ids, "rins-"), c.registered),
		ask(&agents, tatAgents, beginning(ids, "ins-", "rins-", "lhins-"), agent), // others may be names
	)
	if err != nil {
		return nil, err
	}
	known = append(known, registered...)
	for _, a := range agents {
		if strings.HasPrefix(a.ID, "lhins-") {
			known = append(known, Machine{ID: a.ID, Region: c.cfg.Region})
		}
	}
	for i, m := range known {
		at := slices.IndexFunc(agents, func(a Machine) bool { return a.ID == m.ID })
		switch {
		case at >= 0:
			known[i].OS, known[i].Trouble = agents[at].OS, cmp.Or(m.Trouble, agents[at].Trouble)
		case m.Trouble == "" && !strings.HasPrefix(m.ID, "rins-"): // which tells of its agent itself
			known[i].Trouble = "has no TAT agent"
		}
	}
	return known, nil
}

// listed is a list of machines or their agents.
type listed struct {
	at          product
	action, key string
}

var (
	virtualMachines    = listed{productCVM, "DescribeInstances", "InstanceSet"}
	registeredMachines = listed{productTAT, "DescribeRegisterInstances", "RegisterInstanceSet"}
	tatAgents          = listed{productTAT, "DescribeAutomationAgentStatus", "AutomationAgentSet"}
)

func (l listed) page(p Page, filters ...filter) call {
	return call{to: toListMachines, action: l.action, fields: paged(p, filters...), at: l.at}
}

func (l listed) ids(ids []string, p Page) call {
	one := l.page(p)
	one.fields["InstanceIds"] = ids
	return one
}

// together does all at the same time. Its error is the first of theirs.
func together(parts ...func() error) error {
	errs := make([]error, len(parts))
	var all sync.WaitGroup
	for i, part := range parts {
		all.Go(func() { errs[i] = part() })
	}
	all.Wait()
	return cmp.Or(errs...)
}

// findMachines asks for a name, exact or a part of one: which of the two is not documented, and who wants one name has to compare.
func (tat) findMachines(ctx context.Context, c *Client, name string) ([]Machine, error) {
	var filters []filter
	if name != "" {
		filters = append(filters, filter{"instance-name", []string{name}})
	}
	var virtual, registered []Machine
	ask := func(to *[]Machine, of listed, decode func(fields) Machine) func() error {
		return func() (err error) {
			*to, err = rowsOf(ctx, c, of.key, func(p Page) call { return of.page(p, filters...) }, decode)
			return err
		}
	}
	err := together(ask(&virtual, virtualMachines, c.virtual), ask(&registered, registeredMachines, c.registered))
	return slices.Concat(virtual, registered), err
}

// virtual reads a row of CVM's DescribeInstances.
func (c *Client) virtual(f fields) Machine {
	m := c.machineOf(f, "InstanceName", "Tags", "Key", "Value")
	m.Addresses = append(texts(f.raw("PrivateIpAddresses")), texts(f.raw("PublicIpAddresses"))...)
	if state := f.text("InstanceState"); state != "RUNNING" {
		m.Trouble = "is " + cmp.Or(strings.ToLower(strings.ReplaceAll(state, "_", " ")), "in a state that the cloud does not tell")
	}
	return m
}

// registered reads a row of TAT's DescribeRegisterInstances, whose status is that of the agent.
func (c *Client) registered(f fields) Machine {
	m := c.machineOf(f, "InstanceName", "Tags", "Key", "Value")
	if ip := f.text("LocalIp"); ip != "" {
		m.Addresses = []string{ip}
	}
	if f.text("Status") != "Online" {
		m.Trouble = agentOffline
	}
	return m
}

const agentOffline = "has a TAT agent that is offline"

// agent reads a row of TAT's DescribeAutomationAgentStatus.
func agent(f fields) Machine {
	m := Machine{ID: f.text("InstanceId"), OS: strings.ToLower(f.text("Environment"))}
	if f.text("AgentStatus") != "Online" {
		m.Trouble = agentOffline
	}
	return m
}
