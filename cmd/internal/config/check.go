package config

import (
	"net"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/bmcmd/bmcmd/cmd/internal/vault"
)

// leaseMargin is how much longer than the longest send a lease must be: the
// worker still has to store what came back before another takes over.
const leaseMargin = 10 * time.Second

// searchAtLeast is how long a search should last: nobody knows how late the API lists
// a task.
const searchAtLeast = 5 * time.Minute

// mostBots leaves each at least one call a second of API 3.0's quota.
const mostBots = 10

// confirmAtLeast is the same for another task that may be the run.
const confirmAtLeast = time.Minute

// keepAtLeast is the shortest time for requests: twice the longest life of one.
const keepAtLeast = 2 * maxLifetime

var (
	commandForm = regexp.MustCompile(`^/[a-z0-9_-]{1,31}$`)
	regionForm  = regexp.MustCompile(`^[a-z0-9-]{1,32}$`)
	longRegion  = regexp.MustCompile(`^[a-z]{2}-[a-z0-9-]{1,29}$`) // as the cloud says where a machine is
	nameForm    = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)
	mountForm   = regexp.MustCompile(`^[A-Za-z0-9._~-]+(/[A-Za-z0-9._~-]+)*$`)
	userForm    = regexp.MustCompile(`^[!-~]{1,64}$`)
)

const notLong = "this is not a region as the cloud writes it; write one such as ap-beijing"

const nameHint = "use up to 64 letters, digits, dots, dashes and underscores, beginning with a letter or digit"

// check holds what was read against what makes sense.
func (d *decoder) check(c *Config) {
	d.checkSlack(&c.Slack)
	d.checkRedis(c.Redis)
	d.checkVault(c.Vault)
	d.checkBM(&c.BM)
	d.checkTimes(c)
	d.faultIf(c.Bots < 1 || c.Bots > mostBots, "bots", "this must be 1 to 10: how many bots share the account's quotas, which of 3.0 are ten calls a second")
	d.faultIf(c.Limits.OpenRequests < 1, "limits.open_requests", "this must be 1 or more, or nobody could ask for a run")
	d.faultIf(c.Limits.CommandsAMinute < 1, "limits.commands_a_minute", "this must be 1 or more, or nobody could ask for anything")
	d.oneOf("log.format", c.Log.Format, "json", "text")
	d.checkLogins(c.Logins, c.BM)
	d.checkApart()
	d.checkRules(c.Rules, c.BM.API)
	d.checkEntrances(c)
}

func (d *decoder) oneOf(at, value string, known ...string) {
	d.faultIf(!slices.Contains(known, value), at, "this must be "+strings.Join(known, " or "))
}

func (d *decoder) checkSlack(s *Slack) {
	d.checkURL("slack.api_url", s.APIURL, "https://slack.com/api/")
	if !strings.HasSuffix(s.APIURL, "/") {
		s.APIURL += "/" // names of methods are appended to it
	}
	d.faultIf(!commandForm.MatchString(s.Command), "slack.command",
		"this is no slash command; write / and up to 31 small letters, digits, - or _, such as /bmcmd")
	d.ids("slack.shared_channels", s.Shared, channelID)
	d.faultIf(s.BotToken == s.AppToken, "slack.app_token",
		"this is the same reference as bot_token; they are two tokens, xoxb-… and xapp-…")
}

func (d *decoder) checkRedis(r Redis) {
	d.faultIf(len(r.Addresses) == 0, "redis.addresses", "the list is empty; write host:port, such as 127.0.0.1:6379")
	for i, a := range r.Addresses {
		at := item("redis.addresses", i)
		d.faultIf(strings.ContainsAny(a, "/@"), at,
			"this must be host:port, not a URL; user name and password have their own keys, username and password")
		d.faultIf(!hostPort(a), at, "this must be host:port, such as 127.0.0.1:6379")
	}
	d.faultIf(r.Cluster && r.Master != "", "redis.master",
		"master is for Sentinel and cluster is for a cluster; keep the one that you have")
	d.faultIf(len(r.Addresses) > 1 && !r.Cluster && r.Master == "" && d.sound("redis.cluster", "redis.master"), "redis.addresses",
		"there are several addresses of one server; set cluster: true for a cluster, or master: for Sentinel")
	d.faultIf(r.DB < 0, "redis.db", "this must be 0 or more")
	d.oneOf("redis.durability", r.Durability, Strong, Weak)
	d.faultIf(r.Replicas < 0, "redis.replicas", "this must be 0 or more")
	d.faultIf(r.Cluster && r.DB != 0, "redis.db", "a cluster has only db 0; remove this key")
	if r.Password != (vault.Ref{}) && !r.TLS && !slices.ContainsFunc(r.Addresses, local) {
		d.warn("redis.password", "the password goes over the network readable; set redis.tls: true if the server can")
	}
}

func hostPort(s string) bool {
	host, port, err := net.SplitHostPort(s)
	n, bad := strconv.ParseUint(port, 10, 16)
	return err == nil && bad == nil && n > 0 && host != ""
}

// local reports whether host:port is this machine.
func local(address string) bool {
	host, _, err := net.SplitHostPort(address)
	return err == nil && loopback(host)
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// checkURL does not show the URL: it may hold a password.
func (d *decoder) checkURL(at, value, such string) {
	u, err := url.Parse(value)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http":
		d.fault(at, "this is not the URL of a server; write it as "+such)
	case u.User != nil:
		d.fault(at, "this URL holds a user or a password; remove it, secrets have their own keys")
	case u.RawQuery != "" || u.ForceQuery || strings.Contains(value, "#"):
		d.fault(at, "this URL holds a query or a fragment; leave only scheme, host, port and path")
	case u.Scheme == "http" && !loopback(u.Hostname()):
		d.fault(at, "plain http would send secrets readable over the network; use https (http is for this machine only)")
	}
}

func (d *decoder) checkVault(v Vault) {
	used := slices.IndexFunc(d.places, func(p Place) bool { return inVault(p.Ref) && p.Key != "vault.token" })
	if !d.has("vault") {
		if used >= 0 {
			d.fault(d.places[used].Key, "ref+vault needs a vault; add the section vault, with address and token")
		}
		return
	}
	d.checkURL("vault.address", v.Address, "https://vault.example.com:8200")
	d.faultIf(inVault(v.Token), "vault.token", "the vault's own token cannot be in the vault; use ref+file or ref+env")
	d.faultIf(v.CAFile != "" && !path.IsAbs(v.CAFile), "vault.ca_file",
		"this must be an absolute path, so that it is the same wherever the bot is started")
	d.faultIf(strings.Contains(v.Namespace, " "), "vault.namespace", "a namespace has no spaces; write it as in team-a or parent/child")
	for i, m := range v.Mounts {
		d.faultIf(!mountForm.MatchString(m), item("vault.mounts", i),
			"this is no mount; write it without / at its ends, such as secret or team/kv")
	}
}

func inVault(r vault.Ref) bool { return strings.HasPrefix(r.String(), "ref+vault:") }

func (d *decoder) checkBM(b *BM) {
	switch b.API {
	case API2:
		d.checkURL("bm.endpoint", b.Endpoint, endpoint2)
		d.oneOf("bm.array_key", b.ArrayKey, "instanceId", "instanceIds")
		d.oneOf("bm.signature", b.Signature, "HmacSHA256", "HmacSHA1")
		d.faultIf(d.sound("bm.api") && under(b.Endpoint, ".tencentcloudapi.com"), "bm.endpoint", "this is where API 3.0 answers; set api: \"3.0\", or remove the key")
	case API3:
		d.checkBM3(b, "API 3.0", endpoint3)
	case APITAT:
		d.checkBM3(b, "TAT", endpointTAT)
	default:
		d.fault("bm.api", `this must be "2.0" or "3.0", in quotes, or tat`)
	}
	d.oneOf("bm.unchecked_hosts", b.Unchecked, Wait, Allow)
	d.faultIf(b.Region != "" && !regionForm.MatchString(b.Region), "bm.region", "this is no region; write one such as ap-beijing, or remove the key")
	d.checkKey("bm.read_key", b.ReadKey)
	d.checkRunKey("bm.run_key", b.RunKey, b.ReadKey)
}

// checkBM3 is for what API 3.0 and TAT have otherwise, and takes the defaults of 2.0 away.
func (d *decoder) checkBM3(b *BM, name, endpoint string) {
	if !d.has("bm.endpoint") {
		b.Endpoint = endpoint
	}
	d.checkURL("bm.endpoint", b.Endpoint, endpoint)
	d.faultIf(under(b.Endpoint, ".api.qcloud.com"), "bm.endpoint", "this is where API 2.0 answers; remove the key")
	if u, err := url.Parse(b.Endpoint); err == nil {
		d.faultIf(strings.Trim(u.Path, "/") != "", "bm.endpoint", name+" has no path; write it as "+endpoint)
		d.faultIf(under(b.Endpoint, ".tencentcloudapi.com") && strings.HasPrefix(u.Host, "tat.") != (b.API == APITAT), "bm.endpoint", "this is where another API answers; remove the key")
	}
	d.faultIf(!d.has("bm.region"), "bm.region", "this is missing, and "+name+" needs it; write one such as ap-beijing")
	d.faultIf(d.has("bm.region") && b.Region == "", "bm.region", name+" needs a region; write one such as ap-beijing")
	d.faultIf(b.API == APITAT && !longRegion.MatchString(b.Region), "bm.region", notLong)
	for _, key := range []string{"array_key", "signature", "reads_by_get"} {
		d.faultIf(d.has("bm."+key), "bm."+key, "this is for API 2.0 only; remove the key")
	}
	b.ArrayKey, b.Signature, b.ReadsByGet = "", "", false
}

// checkLoginFor holds a login against the API.
func (d *decoder) checkLoginFor(at string, l Login, b BM) {
	if b.API != APITAT {
		d.faultIf(!d.has(at+".password"), at+".password", "this is missing; write a reference to the user's password")
		d.faultIf(d.has(at+".region"), at+".region", "this is for api: tat only; remove the key")
		d.faultIf(d.has(at+".run_key"), at+".run_key", "this is for api: tat only; remove the key")
		return
	}
	d.faultIf(d.has(at+".password"), at+".password", "TAT needs no password on hosts; remove the key")
	d.faultIf(d.has(at+".region") && !longRegion.MatchString(l.Region), at+".region", notLong)
	if d.has(at + ".run_key") {
		d.checkRunKey(at+".run_key", l.RunKey, b.ReadKey)
	}
}

// under reports whether a URL's host is in a domain.
func under(value, domain string) bool {
	u, err := url.Parse(value)
	return err == nil && strings.HasSuffix(strings.ToLower(u.Hostname()), domain)
}

// checkRunKey holds a key that may run scripts against the one that may only read.
func (d *decoder) checkRunKey(at string, run, read Key) {
	const same = "this is the same reference as in read_key; make a second key that may run scripts, and let the first only read"
	d.faultIf(run.ID == read.ID, at+".id", same)
	d.faultIf(run.Secret == read.Secret, at+".secret", same)
	d.checkKey(at, run)
}

func (d *decoder) checkKey(at string, k Key) {
	d.faultIf(k.ID == k.Secret, at+".secret", "this is the same reference as id; they are two values, SecretId and SecretKey")
}

func (d *decoder) checkTimes(c *Config) {
	for _, t := range []struct {
		at       string
		is, most time.Duration
		text     string
	}{
		{"bm.timeout", c.BM.Timeout, 5 * time.Minute, "5m"},
		{"bm.run_timeout", c.BM.RunTimeout, 5 * time.Minute, "5m"},
		{"run.dispatch_within", c.Run.DispatchWithin, time.Hour, "1h, since an approval is for now and later somebody presses Run"},
		{"run.lease", c.Run.Lease, time.Hour, "1h, since until then nobody looks after a run whose worker died"},
		{"run.follow_for", c.Run.FollowFor, 24 * time.Hour, "24h, since until then nobody is told that a run does not end"},
		{"run.search_for", c.Run.SearchFor, 24 * time.Hour, "24h, since until then nobody is asked whether a run ran"},
	} {
		d.faultIf(t.is > t.most, t.at, "this is too long; write at most "+t.text)
	}
	d.faultIf(c.Run.ConfirmFor < time.Second, "run.confirm_for", "this is too short; write at least 1s")
	if at := c.Run.ConfirmFor; at >= time.Second && at < confirmAtLeast && c.BM.API != APITAT {
		d.warn("run.confirm_for", "this is short: how late the API lists a task is not documented, and another run may be confirmed as this one before this one is listed")
	}
	if d.sound("run.confirm_for", "run.follow_for") {
		d.faultIf(c.Run.ConfirmFor >= c.Run.FollowFor, "run.confirm_for", "this must be shorter than run.follow_for, or no run is ever confirmed")
	}
	d.faultIf(c.Run.SearchFor < time.Second, "run.search_for", "this is too short; write at least 1s")
	if at := c.Run.SearchFor; at >= time.Second && at < searchAtLeast {
		d.warn("run.search_for", "this is short: how late the API lists a task is not documented, and people may be told that there is none before it is listed")
	}
	if d.sound("run.lease", "bm.run_timeout") {
		d.faultIf(c.Run.Lease < c.BM.RunTimeout+leaseMargin, "run.lease",
			"this must be at least 10s longer than bm.run_timeout, so that nobody takes a run over that is still being sent")
	}
	d.faultIf(c.Keep.Outputs < time.Hour, "keep.outputs", "this is too short; write at least 1h, so that outputs outlast a while without Slack")
	d.faultIf(c.Keep.Requests < keepAtLeast, "keep.requests", "this is too short; write at least 48h, so that no open request is lost")
	if d.sound("keep.requests", "keep.events") {
		d.faultIf(c.Keep.Events < c.Keep.Requests, "keep.events", "this must not be shorter than keep.requests; history outlives the request")
	}
}
