package bmclient

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/bmcmd/bmcmd/bmclient/bmtest"
)

// Limits are a hundredth of the real ones, and so are outputs: no page is too long to read, and no more than a page is kept.
func TestOutputsTooLongForOnePage(t *testing.T) {
	api := bmtest.New()
	api.AddKey("id-of-key", "secret-of-key", bmtest.MayRead|bmtest.MayRun)
	api.AddScript(bmtest.Script{CmdID: "cmd-1", Content: []byte("x")})
	long := bytes.Repeat([]byte("0123456789abcd\xff\n"), 5<<16/100)
	var hosts []string
	for i := range 20 {
		id := fmt.Sprintf("ins-%d", i)
		api.AddHost(id, nil)
		api.SetHost(id, bmtest.HostBehaviour{Output: long})
		hosts = append(hosts, id)
	}
	task, err := api.RunByHand("cmd-1", hosts, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := api.Start(); err != nil {
		t.Fatal(err)
	}
	defer api.Close()
	key := Key{ID: "id-of-key", Secret: word("secret-of-key")}
	c, err := New(Config{Endpoint: api.URL(), ReadKey: func(context.Context) (Key, error) { return key, nil }})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.longestList, c.keptOutput = longestList/100, keptOutput/100
	if _, err := c.Task(t.Context(), task, Page{}); !errors.Is(err, ErrTooLong) {
		t.Errorf("1.3 MB in one page: %v", err)
	}
	seen := 0
	total, err := c.EachHost(t.Context(), task, func(h HostRun) error {
		if h.Host != hosts[seen] || !bytes.Equal(h.Output, long) {
			t.Errorf("%s: %d bytes", h.Host, len(h.Output))
		}
		seen++
		return nil
	})
	if err != nil || total != 20 || seen != 20 {
		t.Errorf("%d of %d hosts, %v", seen, total, err)
	}
	if _, err := c.AllHosts(t.Context(), task); !errors.Is(err, ErrTooLong) {
		t.Errorf("1 MB was kept: %v", err)
	}
	c.longestList = 1000
	if _, err := c.AllHosts(t.Context(), task); !errors.Is(err, ErrTooLong) {
		t.Errorf("a host alone is too long: %v", err)
	}
}
