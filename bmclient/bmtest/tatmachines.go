package bmtest

import (
	"cmp"
	"maps"
	"slices"
	"strings"
)

// kinds of machines, by what their ids begin with.
const (
	cvm        = "CVM"
	lighthouse = "LIGHTHOUSE"
	registered = "REGISTERINST"
)

var prefixes = map[string]string{"ins-": cvm, "lhins-": lighthouse, "rins-": registered}

func kindOf(id string) string {
	for prefix, kind := range prefixes {
		if strings.HasPrefix(id, prefix) {
			return kind
		}
	}
	return ""
}

func (h *host) region() string { return cmp.Or(h.machine.Region, HomeRegion) }

func (h *host) agent() string { return cmp.Or(h.machine.Agent, "Online") }

// tagged is what a machine has for a filter that goes by tags.
func (h *host) tagged(name string) []string {
	switch tag, ok := strings.CutPrefix(name, "tag:"); {
	case ok:
		if v, has := h.machine.Tags[tag]; has {
			return []string{v}
		}
	case name == "tag-key":
		return slices.Collect(maps.Keys(h.machine.Tags))
	case name == "tag-value":
		return slices.Collect(maps.Values(h.machine.Tags))
	}
	return nil
}

// inRegion are the hosts of a request's region that are of one of the kinds, in the order of their ids.
func (s *Server) inRegion(r request, kinds ...string) (all []*host) {
	for _, h := range s.machines(nil, nil, "") {
		if h.region() == r.params["Region"] && slices.Contains(kinds, kindOf(h.id)) {
			all = append(all, h)
		}
	}
	return all
}

// wanted are those of the hosts that are asked for by id or by filters; a name that is only a part fits as the server was told.
func (s *Server) wanted(all []*host, ids []string, filters []filter, row func(h *host, name string) []string) []*host {
	return slices.DeleteFunc(all, func(h *host) bool {
		if len(ids) > 0 && !slices.Contains(ids, h.id) {
			return true
		}
		for _, f := range filters {
			if f.name == "instance-name" && !s.named(f, h.name()) || f.name != "instance-name" && !passes([]filter{f}, func(name string) []string { return row(h, name) }) {
				return true
			}
		}
		return false
	})
}

func (h *host) tagList() []any {
	tags := []any{}
	for _, k := range slices.Sorted(maps.Keys(h.machine.Tags)) {
		tags = append(tags, map[string]any{"Key": k, "Value": h.machine.Tags[k]})
	}
	return tags
}

// describeInstances is CVM's. Machines that are not there are missing.
func (s *Server) describeInstances(r request, _ *Call) answer {
	a := r.asks()
	ids := a.ids("InstanceIds", 100, "InvalidInstanceId.Malformed", "ins-")
	filters := a.filters("instance-id", "instance-name", "instance-state", "private-ip-address", "public-ip-address", "zone", "vpc-id", "tag-key", "tag-value", "tag:")
	p := a.page(100)
	a.either(ids, filters)
	if wrong := a.done(); wrong != nil {
		return *wrong
	}
	total, rows := cut(s.wanted(s.inRegion(r, cvm), ids, filters, func(h *host, name string) []string {
		switch name {
		case "instance-id":
			return []string{h.id}
		case "instance-state":
			return []string{h.state()}
		case "private-ip-address":
			return []string{h.lanIP}
		case "zone":
			return []string{h.region() + "-2"}
		case "vpc-id":
			return []string{"vpc-1"}
		}
		return h.tagged(name)
	}), p, Listing{})
	list := []any{}
	for _, h := range rows {
		os := "TencentOS Server 3.1 (TK4)"
		if h.machine.Windows {
			os = "Windows Server 2022"
		}
		list = append(list, map[string]any{
			"InstanceId": h.id, "InstanceName": h.name(), "InstanceState": h.state(), "PrivateIpAddresses": []string{h.lanIP}, "PublicIpAddresses": nil,
			"Placement": map[string]any{"Zone": h.region() + "-2", "ProjectId": 0}, "OsName": os, "Tags": h.tagList(), "CPU": 2, "Memory": 4,
		})
	}
	return answer{executed: true, data: map[string]any{"TotalCount": total, "InstanceSet": list}}
}

// describeRegisterInstances is TAT's, of machines that were registered with a code.
func (s *Server) describeRegisterInstances(r request, _ *Call) answer {
	a := r.asks()
	ids := a.ids("InstanceIds", 100, "InvalidParameterValue.InvalidInstanceId", "rins-")
	filters := a.filters("instance-name", "instance-id", "register-code-id", "sys-name", "local-ip", "register-status", "tag-key", "tag-value", "tag:")
	p := a.page(100)
	a.either(ids, filters)
	if wrong := a.done(); wrong != nil {
		return *wrong
	}
	total, rows := cut(s.wanted(s.inRegion(r, registered), ids, filters, func(h *host, name string) []string {
		switch name {
		case "instance-id":
			return []string{h.id}
		case "local-ip":
			return []string{h.lanIP}
		case "sys-name":
			return []string{h.system()}
		case "register-status":
			return []string{h.agent()}
		}
		return h.tagged(name)
	}), p, Listing{})
	list := []any{}
	for _, h := range rows {
		list = append(list, map[string]any{
			"RegisterCodeId": "c-1", "InstanceId": h.id, "InstanceName": h.name(), "MachineId": "m-" + h.id, "SystemName": h.system(), "HostName": h.name(),
			"LocalIp": h.lanIP, "PublicKey": "", "Status": h.agent(), "Tags": h.tagList(),
			"CreatedTime": "2024-09-22T08:00:00Z", "UpdatedTime": "2024-09-22T08:00:00Z",
		})
	}
	return answer{executed: true, data: map[string]any{"TotalCount": total, "RegisterInstanceSet": list}}
}

func (h *host) system() string {
	if h.machine.Windows {
		return "Windows"
	}
	return "Linux"
}

// describeAgents leaves out machines without an agent; the documents do not say.
func (s *Server) describeAgents(r request, _ *Call) answer {
	a := r.asks()
	ids := a.ids("InstanceIds", 100, "InvalidParameterValue.InvalidInstanceId", "ins-", "lhins-", "rins-")
	filters := a.filters("agent-status", "environment", "instance-id")
	p := a.page(100)
	a.either(ids, filters)
	if wrong := a.done(); wrong != nil {
		return *wrong
	}
	all := slices.DeleteFunc(s.inRegion(r, cvm, lighthouse, registered), func(h *host) bool { return h.agent() == NoAgent })
	total, rows := cut(s.wanted(all, ids, filters, func(h *host, name string) []string {
		return map[string][]string{"agent-status": {h.agent()}, "environment": {h.system()}, "instance-id": {h.id}}[name]
	}), p, Listing{})
	list := []any{}
	for _, h := range rows {
		list = append(list, map[string]any{
			"InstanceId": h.id, "Version": cmp.Or(h.machine.AgentVersion, "1.1.9"), "LastHeartbeatTime": s.now().UTC().Format(timeTAT), "AgentStatus": h.agent(),
			"Environment": h.system(), "SupportFeatures": []string{},
		})
	}
	return answer{executed: true, data: map[string]any{"TotalCount": total, "AutomationAgentSet": list}}
}
