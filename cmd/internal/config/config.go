package config

import (
	_ "embed"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"time"

	"github.com/bmcmd/bmcmd/approvals"
	"github.com/bmcmd/bmcmd/cmd/internal/vault"
)

// Example is a complete file with every key and a comment on each. [Parse]
// takes it as it is.
//
//go:embed example.yaml
var Example []byte

// maxFile is the largest file that is read, in bytes: room for some 800 rules.
// The parser needs time in the square of the depth of brackets.
const maxFile = 256 << 10

// Config is a whole file, checked, with the defaults filled in. It is not
// changed after [Parse] and may be used by several goroutines.
type Config struct {
	Slack  Slack            `yaml:"slack"  need:"say how Slack is reached"`
	Redis  Redis            `yaml:"redis"  need:"say where requests are kept"`
	Vault  Vault            `yaml:"vault"`
	BM     BM               `yaml:"bm"     need:"say with which keys the script API is called"`
	Bots   int              `yaml:"bots"` // that share the account's quotas of calls
	Run    Run              `yaml:"run"`
	Limits Limits           `yaml:"limits"`
	Keep   Keep             `yaml:"keep"`
	Logins []Login          `yaml:"logins" need:"say how hosts are entered"`
	Rules  approvals.Policy `yaml:"rules"  need:"say who may ask and who may approve"`
	Log    Log              `yaml:"log"`

	// Warnings are faults that do not stop the bot, as file:line: text.
	Warnings []string `yaml:"-"`

	places []Place
}

// Slack is how Slack is reached.
type Slack struct {
	BotToken vault.Ref `yaml:"bot_token" need:"write a reference to the bot's token (xoxb-…)"`
	AppToken vault.Ref `yaml:"app_token" need:"write a reference to the app-level token (xapp-…)"`
	APIURL   string    `yaml:"api_url"` // ends with "/"
	Command  string    `yaml:"command"` // with its "/"
	Shared   []string  `yaml:"shared_channels"`
}

// Redis is where requests are kept: one server, Sentinel (Master is set) or a
// cluster.
type Redis struct {
	Addresses []string  `yaml:"addresses" need:"write host:port of the server, of the Sentinels or of cluster nodes"`
	Master    string    `yaml:"master"` // Sentinel's name for the master
	Cluster   bool      `yaml:"cluster"`
	Username  string    `yaml:"username"`
	Password  vault.Ref `yaml:"password"` // zero: none
	TLS       bool      `yaml:"tls"`
	DB        int       `yaml:"db"`

	Durability string `yaml:"durability"` // Strong or Weak
	Replicas   int    `yaml:"replicas"`   // of Redis, that must have a move before it is confirmed
}

// What Redis does with what it confirms: it keeps it, or it may forget it.
const Strong, Weak = "strong", "weak"

// Vault is the server behind ref+vault references. Address is empty if there is
// none.
type Vault struct {
	Address   string    `yaml:"address" need:"write the vault's URL, such as https://vault.example.com:8200"`
	Token     vault.Ref `yaml:"token"   need:"write a reference to the vault's own token, such as ref+file:///run/secrets/vault-token"`
	Namespace string    `yaml:"namespace"`
	CAFile    string    `yaml:"ca_file"` // PEM, an absolute path
	Mounts    []string  `yaml:"mounts"`
}

// BM is how the script API is called.
type BM struct {
	API        string        `yaml:"api"` // API2, API3 or APITAT
	Endpoint   string        `yaml:"endpoint"`
	Region     string        `yaml:"region"`       // 2.0: empty is not sent
	ArrayKey   string        `yaml:"array_key"`    // 2.0: instanceId or instanceIds; else empty
	Signature  string        `yaml:"signature"`    // 2.0: HmacSHA256 or HmacSHA1; else empty
	ReadsByGet bool          `yaml:"reads_by_get"` // 2.0
	ReadKey    Key           `yaml:"read_key" need:"the key that reads scripts"`
	RunKey     Key           `yaml:"run_key"  need:"the key that runs scripts, read only for an approved run"`
	Timeout    time.Duration `yaml:"timeout"`         // of one read
	RunTimeout time.Duration `yaml:"run_timeout"`     // of the call that runs
	Unchecked  string        `yaml:"unchecked_hosts"` // Wait or Allow
}

// What becomes of a request whose hosts cannot be looked up.
const Wait, Allow = "wait", "allow"

// The versions of the API, and where each answers.
const (
	API2, endpoint2     = "2.0", "https://bm.api.qcloud.com/v2/index.php"
	API3, endpoint3     = "3.0", "https://bm.tencentcloudapi.com"
	APITAT, endpointTAT = "tat", "https://tat.tencentcloudapi.com"
)

// Key is what the API is signed with.
type Key struct {
	ID     vault.Ref `yaml:"id"     need:"write a reference to the SecretId"`
	Secret vault.Ref `yaml:"secret" need:"write a reference to the SecretKey"`
	Token  vault.Ref `yaml:"token"` // zero: a permanent key
}

// Run is how approved requests are sent.
type Run struct {
	DispatchWithin time.Duration `yaml:"dispatch_within"` // after the last approval
	Lease          time.Duration `yaml:"lease"`           // of the worker that sends
	FollowFor      time.Duration `yaml:"follow_for"`      // after the API has accepted
	ConfirmFor     time.Duration `yaml:"confirm_for"`     // after the API has accepted, where it names no task
	SearchFor      time.Duration `yaml:"search_for"`      // for an unknown run, before people are asked
}

// Limits are what one person may do.
type Limits struct {
	OpenRequests    int `yaml:"open_requests"`     // that have not ended
	CommandsAMinute int `yaml:"commands_a_minute"` // of every kind; decisions are not counted
}

// Keep is how long history stays in Redis.
type Keep struct {
	Requests time.Duration `yaml:"requests"`
	Events   time.Duration `yaml:"events"`
	Outputs  time.Duration `yaml:"outputs"` // what hosts printed
}

// Login is how hosts are entered. The first login with a pattern that matches a
// host is the host's login.
type Login struct {
	Name     string            `yaml:"name"     need:"give the login a name; cards show it instead of the password"`
	Hosts    approvals.HostSet `yaml:"hosts"    need:"write the hosts it is for, such as [\"cpm-*\", \"ins-*\"]"`
	User     string            `yaml:"user"     need:"write the user name on the hosts, such as root"`
	Password vault.Ref         `yaml:"password"` // of Bare Metal only, where it must be
	Region   string            `yaml:"region"`   // of TAT only: where its hosts are, if not in BM.Region
	RunKey   Key               `yaml:"run_key"`  // of TAT only; zero: BM.RunKey
}

// Log is what is logged, and in which form.
type Log struct {
	Level  slog.Level `yaml:"level"`  // debug, info, warn or error
	Format string     `yaml:"format"` // json or text
}

func defaults() *Config {
	return &Config{
		Slack: Slack{APIURL: "https://slack.com/api/", Command: "/bmcmd"},
		Redis: Redis{Durability: Strong},
		BM: BM{
			API:        API2,
			Endpoint:   endpoint2,
			ArrayKey:   "instanceId",
			Signature:  "HmacSHA256",
			Timeout:    10 * time.Second,
			RunTimeout: 30 * time.Second,
			Unchecked:  Wait,
		},
		Bots:   2,
		Limits: Limits{OpenRequests: 20, CommandsAMinute: 30},
		Run:    Run{DispatchWithin: 2 * time.Minute, Lease: time.Minute, FollowFor: 15 * time.Minute, ConfirmFor: 90 * time.Second, SearchFor: 10 * time.Minute},
		Keep:   Keep{Requests: 720 * time.Hour, Events: 9600 * time.Hour, Outputs: 168 * time.Hour},
		Log:    Log{Level: slog.LevelInfo, Format: "json"},
	}
}

// Load reads and checks a file. Problems of its content are returned as
// [Problems], named by the file's base name. A file that cannot be read gives an
// error that wraps the system's.
func Load(path string) (*Config, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("the config cannot be opened: %w; correct its path or its mode", err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, fmt.Errorf("the config cannot be read: %w; name the file itself", err)
	}
	return Parse(filepath.Base(path), data)
}

// Guarded is nil if nobody but its owner can write to the file. Whoever can write to it
// can approve anything. Reading it tells no secret. "-" is no file.
func Guarded(path string) error {
	info, err := os.Stat(path)
	switch {
	case path == "-":
		return nil
	case err != nil:
		return fmt.Errorf("the config cannot be looked at: %w", err)
	}
	return guarded(path, info, "approve anything")
}

// Unguarded are errors about the files of secrets that others than their owner can write
// to, each file once. Whether one is there and can be read, those tell who read it. No
// file is opened.
func (c *Config) Unguarded() (errs []error) {
	seen := map[string]bool{"": true}
	for _, p := range c.Refs() {
		file := p.Ref.File()
		if seen[file] {
			continue
		}
		seen[file] = true
		if info, err := os.Stat(file); err == nil && info.Mode().IsRegular() {
			if err := guarded(file, info, "put another secret in its place"); err != nil {
				errs = append(errs, fmt.Errorf("%s: %w", p.Key, err))
			}
		}
	}
	return errs
}

func guarded(path string, info fs.FileInfo, could string) error {
	if info.Mode().Perm()&0o022 == 0 {
		return nil
	}
	return fmt.Errorf("%s has mode %04o: others than its owner can write to it, and so %s; chmod go-w it", filepath.Base(path), info.Mode().Perm(), could)
}

// Parse checks a file's content. name stands before each problem and warning.
// The error, if there is one, is a [Problems].
func Parse(name string, data []byte) (*Config, error) {
	d := newDecoder(name)
	cfg := defaults()
	if body := d.parse(data); body != nil {
		d.value(body, "", reflect.ValueOf(cfg).Elem())
		d.check(cfg)
	}
	if len(d.errs) > 0 {
		return nil, sorted(d.errs)
	}
	cfg.Warnings = sorted(d.warns).lines()
	cfg.places = d.places
	return cfg, nil
}
