package vault

import "testing"

// net/http never sends requests to loopback through a proxy, so no test server
// would notice one.
func TestNoProxy(t *testing.T) {
	transport, err := Config{}.transport()
	if err != nil {
		t.Fatal(err)
	}
	if transport.Proxy != nil {
		t.Error("a proxy from the environment would see where we go")
	}
}
