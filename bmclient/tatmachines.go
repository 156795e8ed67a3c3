package bmclient

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"sync"
)

// machines asks three lists at the same time: CVM's for virtual machines (ins-…), TAT's own for registered ones (rins-…), and the
// agents of all. Of Lighthouse (lhins-…) only the agent tells: one without an agent is not known. Other words may be names. For a name the
// first two are asked; whether one that is a part of it counts is not documented, and who wants one name has to compare.
func (tat) machines(ctx context.Context, c *Client, ids []string, name string) ([]Machine, error) {
	var known, registered, agents []Machine
	var errs [3]error
	var all sync.WaitGroup
	for i, l := range []struct {
		to          *[]Machine
		at          product
		action, key string
		decode      func(fields) Machine
		kinds       []string
	}{
		{&known, productCVM, "DescribeInstances", "InstanceSet", c.virtual, []string{"ins-"}},
		{&registered, productTAT, "DescribeRegisterInstances", "RegisterInstanceSet", c.registered, []string{"rins-"}},
		{&agents, productTAT, "DescribeAutomationAgentStatus", "AutomationAgentSet", c.agent, []string{"ins-", "rins-", "lhins-"}},
	} {
		of := beginning(ids, l.kinds...)
		if len(ids) > 0 && len(of) == 0 || len(ids) == 0 && l.to == &agents {
			continue
		}
		all.Go(func() {
			*l.to, errs[i] = byID(ctx, c, l.key, of, func(ids []string, p Page) call {
				one := call{to: toListMachines, action: l.action, fields: paged(p), at: l.at}
				if len(ids) > 0 {
					one.fields["InstanceIds"] = ids
				} else if name != "" {
					one.fields = paged(p, filter{"instance-name", []string{name}})
				}
				return one
			}, l.decode)
		})
	}
	all.Wait()
	known = append(known, registered...)
	if err := cmp.Or(errs[:]...); err != nil || len(ids) == 0 {
		return known, err
	}
	return withAgents(known, agents), nil
}

// withAgents adds what the agents tell.
func withAgents(known, agents []Machine) []Machine {
	for _, a := range agents {
		if strings.HasPrefix(a.ID, "lhins-") {
			known = append(known, Machine{ID: a.ID, Region: a.Region})
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
	return known
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
func (c *Client) agent(f fields) Machine {
	m := Machine{ID: f.text("InstanceId"), Region: c.cfg.Region, OS: strings.ToLower(f.text("Environment"))}
	if f.text("AgentStatus") != "Online" {
		m.Trouble = agentOffline
	}
	return m
}
