package bmclient

import (
	"context"
	"strconv"
)

// Machines of Bare Metal: DescribeDevice of 2.0 (386/6728) and DescribeDevices of 3.0 (386/32904).

func (api2) machines(ctx context.Context, c *Client, ids []string, name string) ([]Machine, error) {
	return byID(ctx, c, "deviceList", ids, func(ids []string, p Page) call {
		ps := params{{"offset", strconv.Itoa(p.Offset)}, {"limit", strconv.Itoa(p.Limit)}}
		for i, id := range ids {
			ps.add("instanceIds."+strconv.Itoa(i), id)
		}
		if name != "" {
			ps.add("alias", name)
		}
		return call{to: toListMachines, action: "DescribeDevice", own: ps}
	}, c.device)
}

func (api3) machines(ctx context.Context, c *Client, ids []string, name string) ([]Machine, error) {
	return byID(ctx, c, "DeviceInfoSet", ids, func(ids []string, p Page) call {
		fs := paged(p)
		if len(ids) > 0 {
			fs["InstanceIds"] = ids
		}
		if name != "" {
			fs["Alias"] = name
		}
		return call{to: toListMachines, action: "DescribeDevices", fields: fs}
	}, c.device)
}

// device reads a row of either version.
func (c *Client) device(f fields) Machine {
	tags, key, value := "tagDetail", "key", "value"
	if f.n.capital {
		tags, key, value = "Tags", "TagKey", "TagValues"
	}
	m := c.machineOf(f, "alias", tags, key, value)
	m.Trouble = troubleOf(f)
	for _, key := range []string{"lanIp", "wanIp"} {
		if ip := f.text(key); ip != "" {
			m.Addresses = append(m.Addresses, ip)
		}
	}
	return m
}

// deviceStates and operations are what keeps a device from running anything, by deviceStatus and operateStatus. 4 and 1 are those of
// one that runs; others that are not documented keep nothing.
var (
	deviceStates = map[int]string{
		1: "is ordered and not there yet", 2: "is being set up", 3: "could not be set up", 5: "has a hardware fault", 6: "has a network fault",
		7: "is being isolated", 8: "is isolated", 9: "is being isolated", 10: "is being given back", 11: "is being given back",
		12: "is being given back", 13: "is not there any more", 14: "has expired", 16: "has a fault",
	}
	operations = map[int]string{
		2: "is being shut down", 3: "is shut down", 5: "is being started", 6: "could not be started", 7: "is being rebooted",
		8: "could not be rebooted", 9: "is being reinstalled", 10: "could not be reinstalled", 20: "is being imaged", 23: "is to be reinstalled", 24: "is to be given back",
	}
)

func troubleOf(f fields) string {
	if why := deviceStates[f.number("deviceStatus", 4)]; why != "" {
		return why
	}
	return operations[f.number("operateStatus", 1)]
}

// bareMetal is what 2.0 and 3.0 share. It names the script of a run and no more, and cannot stop one.
type bareMetal struct{}

func (bareMetal) sent(context.Context, *Client, SentQuery) ([]string, error) {
	return nil, notOffered("tasks")
}

func (bareMetal) stop(string, []string) (call, error) { return call{}, notOffered("stop") }

func notOffered(what string) error {
	return notSent(what, local("Bare Metal's API has no action for it"))
}

// texts reads a list of texts, or one alone.
func texts(raw []byte) (all []string) {
	rows, err := arrayOf(raw)
	if err != nil {
		return nil
	}
	for _, r := range rows {
		all = append(all, flexText(r))
	}
	return all
}
