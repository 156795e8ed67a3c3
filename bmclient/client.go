package bmclient

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"
)

const (
	// DefaultEndpoint is where API 2.0 answers.
	DefaultEndpoint = "https://bm.api.qcloud.com/v2/index.php"
	// DefaultEndpoint3 is where API 3.0 answers.
	DefaultEndpoint3 = "https://bm.tencentcloudapi.com"
	// DefaultEndpointTAT is where TAT answers. Machines are asked for at the same host with cvm for tat.
	DefaultEndpointTAT = "https://tat.tencentcloudapi.com"
)

var dialects = map[string]dialect{API2: api2{}, API3: api3{}, APITAT: tat{}}

// Config says how to reach the API. The zero value of each field but ReadKey is good; API 3.0 needs a Region, too.
type Config struct {
	API          string        // API2 (default), API3 or APITAT
	Endpoint     string        // DefaultEndpoint, DefaultEndpoint3 or DefaultEndpointTAT if empty; http only for loopback hosts
	Region       string        // ap-beijing, bj, …; optional in 2.0, which is sent what stands here
	ArrayKey     string        // 2.0: "instanceId" (default) or "instanceIds": how RunUserCmd names its hosts
	Signature    string        // 2.0: HmacSHA256 (default) or HmacSHA1
	ReadsByGET   bool          // 2.0: GET for reads only; RunUserCmd is always POST
	ReadKey      KeySource     // required: the key that reads are signed with
	ForgetKey    func()        // called when a read's key was refused; then it is asked for, and the read made, once more. nil: it is not
	Timeout      time.Duration // for one send of a read; 10 s if zero
	RunTimeout   time.Duration // for RunUserCmd, dialling included; 30 s if zero
	ReadAttempts int           // sends of one read at most; 4 if zero
	ReadBackoff  time.Duration // before the second send, doubled for each further one, with jitter; 200 ms if zero
	RootCAs      *x509.CertPool

	// Admit is asked before every send of every action, the repeated ones of a read included; nil: nothing is asked. It may wait, until ctx
	// ends at the latest. Its error means that nothing is sent, and reaches the caller wrapped in ErrNotSent. It is called by many at once.
	Admit func(ctx context.Context, action string) error

	// Answered is told what came of every send: an error, or nil. It is there for Admit: where it is set, a read that was refused as
	// [OverQuota] is sent again as soon as Admit lets it, without a pause of its own. It is called by many at once.
	Answered func(action string, err error)

	// Rows is shown each row of a list as the API wrote it, what is not decoded included; nil: nobody. It is called by many at once.
	Rows func(row map[string]json.RawMessage)

	Log   *slog.Logger     // nil: no log
	Now   func() time.Time // nil: time.Now
	Nonce func() uint64    // nil: from crypto/rand; for tests
}

// Client is safe for use by many goroutines at once.
type Client struct {
	cfg   Config
	api   dialect
	url   url.URL
	host  string // as signed and sent
	reads *http.Transport
	wait  waiter

	longestList int64 // bytes of an answer that holds what hosts wrote
	keptOutput  int   // bytes that AllHosts keeps
	proxy       func(*http.Request) (*url.URL, error)
}

// New checks the settings and makes a client. It connects to nothing.
func New(cfg Config) (*Client, error) {
	cfg = withDefaults(cfg)
	u, err := parseEndpoint(cfg.Endpoint)
	if err != nil {
		return nil, err
	}
	switch {
	case dialects[cfg.API] == nil:
		return nil, fmt.Errorf("API version %q is not known; it is %s, %s or %s", cfg.API, API2, API3, APITAT)
	case cfg.API != API2 && cfg.Region == "":
		return nil, fmt.Errorf("API %s needs a region; set one like ap-beijing", cfg.API)
	case cfg.API != API2 && u.Path != "/":
		return nil, fmt.Errorf("the endpoint of API %s has no path; write it like %s", cfg.API, DefaultEndpoint3)
	case cfg.ArrayKey != "instanceId" && cfg.ArrayKey != "instanceIds":
		return nil, fmt.Errorf("array key %q is not known; it is instanceId or instanceIds", cfg.ArrayKey)
	case cfg.Signature != HmacSHA256 && cfg.Signature != HmacSHA1:
		return nil, fmt.Errorf("signature %q is not known; it is %s or %s", cfg.Signature, HmacSHA256, HmacSHA1)
	case strings.HasPrefix(cfg.Region, "@") || strings.TrimSpace(cfg.Region) != cfg.Region:
		return nil, fmt.Errorf("region %q cannot be signed; write it like ap-beijing, or leave it out", cfg.Region)
	case cfg.ReadKey == nil:
		return nil, fmt.Errorf("no source for the key that reads are signed with; set ReadKey")
	case cfg.Timeout < 0 || cfg.RunTimeout < 0 || cfg.ReadBackoff < 0 || cfg.ReadAttempts < 0:
		return nil, fmt.Errorf("a time or a number of attempts is negative; leave it out for the default")
	}
	c := &Client{cfg: cfg, api: dialects[cfg.API], url: *u, host: u.Host, wait: waitTimer, proxy: http.ProxyFromEnvironment, longestList: longestList, keptOutput: keptOutput}
	c.reads = c.newTransport()
	c.reads.MaxIdleConns, c.reads.MaxIdleConnsPerHost = keptConns, keptConns
	c.reads.IdleConnTimeout = 90 * time.Second
	return c, nil
}

// In is the same client for another region of the cloud, over the same connections; for its own, or for none, it is c itself.
func (c *Client) In(region string) *Client {
	if region == "" || region == c.cfg.Region {
		return c
	}
	there := *c
	there.cfg.Region = region
	return &there
}

// hostFor is where a product answers: the endpoint's own host, or TAT's with another product's name for its first label.
func (c *Client) hostFor(p product) string {
	if rest, ok := strings.CutPrefix(c.host, productTAT.name+"."); ok && p == productCVM {
		return p.name + "." + rest
	}
	return c.host
}

// Close closes the kept connections that are idle. The client can still be used.
func (c *Client) Close() { c.reads.CloseIdleConnections() }

// keptConns is how many idle connections reads keep; the default of two makes a flood open one for nearly every read.
const keptConns = 128

func withDefaults(c Config) Config {
	setDefault(&c.API, API2)
	switch c.API {
	case API3:
		setDefault(&c.Endpoint, DefaultEndpoint3)
	case APITAT:
		setDefault(&c.Endpoint, DefaultEndpointTAT)
	}
	setDefault(&c.Endpoint, DefaultEndpoint)
	setDefault(&c.ArrayKey, "instanceId")
	setDefault(&c.Signature, HmacSHA256)
	setDefault(&c.Timeout, 10*time.Second)
	setDefault(&c.RunTimeout, 30*time.Second)
	setDefault(&c.ReadAttempts, 4)
	setDefault(&c.ReadBackoff, 200*time.Millisecond)
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Nonce == nil {
		c.Nonce = randomNonce
	}
	return c
}

func setDefault[T comparable](v *T, to T) {
	var zero T
	if *v == zero {
		*v = to
	}
}

// parseEndpoint never repeats the address in an error: a mistaken one may hold a password.
func parseEndpoint(s string) (*url.URL, error) {
	u, err := url.Parse(s)
	switch {
	case err != nil || u.Host == "" || u.Opaque != "":
		return nil, fmt.Errorf("the endpoint is not an address; write it like %s", DefaultEndpoint)
	case u.User != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return nil, fmt.Errorf("the endpoint holds a user, a query or a fragment; write it like %s", DefaultEndpoint)
	case u.Scheme == "http" && !isLoopback(u.Hostname()):
		return nil, fmt.Errorf("the endpoint %s is plain http, which is only for loopback addresses; use https", u.Host)
	case u.Scheme != "http" && u.Scheme != "https":
		return nil, fmt.Errorf("the endpoint's scheme is %q; use https", u.Scheme)
	}
	if port := u.Port(); u.Scheme == "https" && port == "443" || u.Scheme == "http" && port == "80" {
		u.Host = strings.TrimSuffix(u.Host, ":"+port) // a default port is not in the Host that the API signs
	}
	if u.Path == "" {
		u.Path = "/"
	}
	return u, nil
}

func isLoopback(host string) bool {
	if host == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap().IsLoopback()
}

// newTransport is the part that reads and runs share. HTTP/2 stays off: one request on one connection at a time is what
// the proofs in this package are about.
func (c *Client) newTransport() *http.Transport {
	return &http.Transport{
		Proxy:                  c.proxy,
		DialContext:            (&net.Dialer{Timeout: c.cfg.Timeout, KeepAlive: 30 * time.Second}).DialContext,
		TLSClientConfig:        c.tlsConfig(),
		TLSHandshakeTimeout:    c.cfg.Timeout,
		DisableCompression:     true,
		MaxResponseHeaderBytes: 64 << 10,
	}
}

func (c *Client) tlsConfig() *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: c.cfg.RootCAs}
}

// randomNonce is a positive number of up to 63 bits, the range of the official Python client.
func randomNonce() uint64 {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails
	return max(1, binary.BigEndian.Uint64(b[:])>>1)
}
