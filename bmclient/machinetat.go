package bmclient

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
)

// machines asks three lists at the same time: CVM's for virtual machines (ins-…), TAT's own for registered ones (rins-…), and the
// agents of all. Of Lighthouse (lhins-…) only the agent tells, so one without is not known.
func (tat) machines(ctx context.Context, c *Client, ids []string) ([]Machine, error) {
	var virtual, registered, agents []Machine
	err := together(
		func() (err error) {
			virtual, err = byID(ctx, c, productCVM, "DescribeInstances", "InstanceSet", beginning(ids, "ins-"), c.virtual)
			return err
		},
		func() (err error) {
			registered, err = byID(ctx, c, productTAT, "DescribeRegisterInstances", "RegisterInstanceSet", beginning(ids, "rins-"), c.registered)
			return err
		},
		func() (err error) {
			ours := slices.Concat(beginning(ids, "ins-"), beginning(ids, "rins-"), beginning(ids, "lhins-")) // others may be names
			agents, err = byID(ctx, c, productTAT, "DescribeAutomationAgentStatus", "AutomationAgentSet", ours, agent)
			return err
		},
	)
	if err != nil {
		return nil, err
	}
	known := slices.Concat(virtual, registered)
	for _, a := range agents { // one without an agent may be in another region, or nowhere
		if strings.HasPrefix(a.ID, "lhins-") {
			known = append(known, Machine{ID: a.ID, Region: c.cfg.Region})
		}
	}
	for i, m := range known {
		at := slices.IndexFunc(agents, func(a Machine) bool { return a.ID == m.ID })
		switch {
		case at >= 0:
			known[i].OS = agents[at].OS
			if m.Trouble == "" {
				known[i].Trouble = agents[at].Trouble
			}
		case m.Trouble != "" || strings.HasPrefix(m.ID, "rins-"): // which tells of its agent itself
		default:
			known[i].Trouble = "has no TAT agent"
		}
	}
	return known, nil
}

func together(parts ...func() error) error {
	errs := make([]error, len(parts))
	var all sync.WaitGroup
	for i, part := range parts {
		all.Go(func() { errs[i] = part() })
	}
	all.Wait()
	return errors.Join(errs...)
}

// byID reads the rows of these ids. Where one id that is not there has the API refuse the whole call, which is not documented, they are
// asked for by a filter, which cannot.
func byID(ctx context.Context, c *Client, at product, action, key string, ids []string, decode func(fields) Machine) ([]Machine, error) {
	found, err := inChunks(ids, LargestPage, func(ids []string) ([]Machine, error) {
		return rowsOf(ctx, c, key, func(p Page) call {
			fs := paged(p)
			fs["InstanceIds"] = ids
			return call{to: toListMachines, action: action, fields: fs, at: at}
		}, 1, decode)
	})
	var e *Error
	if !errors.As(err, &e) || !isCode(e.Code, "InvalidInstanceId") && !isCode(e.Code, "InvalidParameterValue") && !isCode(e.Code, "ResourceNotFound") {
		return found, err
	}
	return inChunks(ids, mostFilterValues, func(ids []string) ([]Machine, error) {
		return rowsOf(ctx, c, key, func(p Page) call {
			return call{to: toListMachines, action: action, fields: paged(p, filter{"instance-id", ids}), at: at}
		}, 1, decode)
	})
}

// findMachines asks for a name, exact or a part of one: which of the two is not documented, and who wants one name has to compare.
func (tat) findMachines(ctx context.Context, c *Client, name string) ([]Machine, error) {
	var filters []filter
	if name != "" {
		filters = append(filters, filter{"instance-name", []string{name}})
	}
	var virtual, registered []Machine
	ask := func(to *[]Machine, at product, action, key string, decode func(fields) Machine) func() error {
		return func() (err error) {
			*to, err = rowsOf(ctx, c, key, func(p Page) call {
				return call{to: toListMachines, action: action, fields: paged(p, filters...), at: at}
			}, mostFound, decode)
			return err
		}
	}
	err := together(
		ask(&virtual, productCVM, "DescribeInstances", "InstanceSet", c.virtual),
		ask(&registered, productTAT, "DescribeRegisterInstances", "RegisterInstanceSet", c.registered),
	)
	return slices.Concat(virtual, registered), err
}

// virtual reads a row of CVM's DescribeInstances.
func (c *Client) virtual(f fields) Machine {
	m := Machine{ID: f.text("InstanceId"), Name: f.text("InstanceName"), Told: true, Region: c.cfg.Region, Tags: f.tags("Tags", "Key", "Value")}
	m.Addresses = append(texts(f.raw("PrivateIpAddresses")), texts(f.raw("PublicIpAddresses"))...)
	if state := f.text("InstanceState"); state != "RUNNING" {
		m.Trouble = "is " + strings.ToLower(strings.ReplaceAll(state, "_", " "))
	}
	return m
}

// registered reads a row of TAT's DescribeRegisterInstances, whose status is that of the agent.
func (c *Client) registered(f fields) Machine {
	m := Machine{ID: f.text("InstanceId"), Name: f.text("InstanceName"), Told: true, Region: c.cfg.Region, Tags: f.tags("Tags", "Key", "Value")}
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
