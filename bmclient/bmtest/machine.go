package bmtest

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
)

// Machine is what the API says of a host. The zero value is a machine in operation, with a name made from its id and no tags.
type Machine struct {
	Name    string            `json:"name,omitempty"` // alias or InstanceName
	Tags    map[string]string `json:"tags,omitempty"`
	State   string            `json:"state,omitempty"`   // as CVM names it, such as STOPPED; RUNNING if empty
	Device  int               `json:"device,omitempty"`  // Bare Metal's deviceStatus; 0: as State means
	Operate int               `json:"operate,omitempty"` // Bare Metal's operateStatus; 0: as State means

	Region       string `json:"region,omitempty"` // [HomeRegion] if empty
	Agent        string `json:"agent,omitempty"`  // of TAT: Online if empty, Offline, or [NoAgent]
	AgentVersion string `json:"agent_version,omitempty"`
	Windows      bool   `json:"windows,omitempty"`
}

// HomeRegion is where scripts are, and machines of which nothing else was said. Bare Metal tells of the machines of all regions.
const HomeRegion = "ap-beijing"

// NoAgent is a machine on which TAT's agent is not installed.
const NoAgent = "none"

// bareMetal is deviceStatus and operateStatus of what CVM has one state for.
var bareMetal = map[string][2]int{
	"RUNNING": {4, 1}, "STOPPED": {4, 3}, "STARTING": {4, 5}, "STOPPING": {4, 2}, "REBOOTING": {4, 7},
	"PENDING": {2, 1}, "LAUNCH_FAILED": {3, 4}, "SHUTDOWN": {8, 3}, "TERMINATING": {10, 3},
}

// SetMachine says what is known of a host from now on. It reports whether there is such a host.
func (s *Server) SetMachine(id string, m Machine) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	h, ok := s.hosts[id]
	if ok {
		m.Tags = maps.Clone(m.Tags)
		h.machine = m
	}
	return ok
}

// RemoveHost takes a host away, as when it is given back.
func (s *Server) RemoveHost(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.hosts, id)
}

func (h *host) name() string { return cmp.Or(h.machine.Name, "name-of-"+h.id) }

func (h *host) state() string { return cmp.Or(h.machine.State, "RUNNING") }

func (h *host) bareMetal() (device, operate int) {
	is := bareMetal[h.state()]
	return cmp.Or(h.machine.Device, is[0], 4), cmp.Or(h.machine.Operate, is[1], 1)
}

// machines are hosts with one of the ids, of one of the addresses, and with the text in their names; empty: any. By id.
func (s *Server) machines(ids, lanIPs []string, alias string) []*host {
	var all []*host
	for _, id := range slices.Sorted(maps.Keys(s.hosts)) {
		h := s.hosts[id]
		if (len(ids) == 0 || slices.Contains(ids, id)) && (len(lanIPs) == 0 || slices.Contains(lanIPs, h.lanIP)) && found(alias, h.name()) {
			all = append(all, h)
		}
	}
	return all
}

// describeDevice leaves out what is not there; the documents do not say. It writes numbers as text, as the page's sample does.
func (s *Server) describeDevice(r request, _ *Call) answer {
	p, wrong := r.page2(s.mostRows)
	if wrong != nil {
		return *wrong
	}
	var lists [2][]string
	for i, name := range []string{"instanceIds", "lanIps"} {
		if lists[i], wrong = r.indexed(name); wrong != nil {
			return *wrong
		}
	}
	total, rows := cut(s.machines(lists[0], lists[1], r.params["alias"]), p, Listing{})
	list := []any{}
	for _, h := range rows {
		device, operate := h.bareMetal()
		tags := []any{}
		for _, k := range slices.Sorted(maps.Keys(h.machine.Tags)) {
			tags = append(tags, map[string]any{"key": k, "value": h.machine.Tags[k]})
		}
		list = append(list, map[string]any{
			"instanceId": h.id, "alias": h.name(), "lanIp": h.lanIP, "wanIp": "", "deviceStatus": strconv.Itoa(device), "operateStatus": strconv.Itoa(operate),
			"osTypeId": "1", "raidId": "1", "deviceClass": "PS100v1", "deviceClassCode": "PS100v1", "vpcId": "1", "subnetId": "1", "unVpcId": "vpc-1",
			"unSubnetId": "subnet-1", "deliverTime": "2016-10-14 17:15:53", "deadline": "2036-10-14 17:15:53", "autoRenewFlag": "0", "tagDetail": tags,
		})
	}
	return answer{executed: true, data: map[string]any{"totalNum": strconv.Itoa(total), "deviceList": list, "serverTimestamp": s.now().UnixMilli()}}
}

// describeDevices takes the filters that its page has, and does as they say with those that find by id, address and name.
func (s *Server) describeDevices(r request, _ *Call) answer {
	p, wrong := r.page3(100, true, "createtime")
	if wrong != nil {
		return *wrong
	}
	var lists [2][]string
	for i, name := range []string{"InstanceIds", "LanIps"} {
		if lists[i], wrong = r.texts3(name); wrong != nil {
			return *wrong
		}
	}
	alias := ""
	if _, ok := r.fields["Alias"]; ok {
		if alias, wrong = r.text3("Alias"); wrong != nil {
			return *wrong
		}
	}
	total, rows := cut(s.machines(lists[0], lists[1], alias), p, Listing{})
	list := []any{}
	for _, h := range rows {
		device, operate := h.bareMetal()
		tags := []any{}
		for _, k := range slices.Sorted(maps.Keys(h.machine.Tags)) {
			tags = append(tags, map[string]any{"TagKey": k, "TagValues": []string{h.machine.Tags[k]}})
		}
		list = append(list, map[string]any{
			"InstanceId": h.id, "Alias": h.name(), "LanIp": h.lanIP, "WanIp": "", "Zone": "ap-shanghai-bls-2", "DeviceStatus": device, "OperateStatus": operate,
			"OsTypeId": 1, "Tags": tags, "VpcId": "vpc-1", "SubnetId": "subnet-1", "VpcName": "net", "SubnetName": "sub", "VpcCidrBlock": "10.0.0.0/8",
			"SubnetCidrBlock": "10.0.0.0/16", "DhcpIp": "", "DeviceClassCode": "PS100v1", "RaidId": 1, "AppId": 251000873,
		})
	}
	return answer{executed: true, data: map[string]any{"TotalCount": total, "DeviceInfoSet": list}}
}
