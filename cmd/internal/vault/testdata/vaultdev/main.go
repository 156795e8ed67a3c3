// Command vaultdev serves a real Vault core, in memory, on one loopback address,
// with KV version 2 at secret/ and with AppRole and Kubernetes logins that can
// be enabled.
//
// It is for tests only. It is Vault 1.14.1, under the MPL: an
// old version that nobody patches. Never keep a real secret in it. It refuses
// to listen on anything but loopback, and everything in it is gone when it
// ends.
//
// It prints its address as soon as it serves, and ends on an interrupt or
// SIGTERM. With VAULTDEV_STOP_WITH_STDIN=1 it also ends when its standard input
// does, so that it does not outlive a test process that was killed.
//
// It is a module of its own, below testdata, so that neither its gigabyte of
// dependencies nor their licences touch the project. The directories in stub/
// stand in for cloud libraries that it never calls.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"

	log "github.com/hashicorp/go-hclog"
	kubeauth "github.com/hashicorp/vault-plugin-auth-kubernetes"
	kv "github.com/hashicorp/vault-plugin-secrets-kv"
	"github.com/hashicorp/vault/builtin/credential/approle"
	"github.com/hashicorp/vault/helper/namespace"
	vaulthttp "github.com/hashicorp/vault/http"
	"github.com/hashicorp/vault/internalshared/configutil"
	"github.com/hashicorp/vault/sdk/helper/consts"
	"github.com/hashicorp/vault/sdk/logical"
	"github.com/hashicorp/vault/sdk/physical/inmem"
	"github.com/hashicorp/vault/vault"
)

// A registry names the plugins that are linked in. Without one Vault looks for
// executables.
type registry struct{}

var (
	logicals = map[string]logical.Factory{"kv": kv.Factory}
	creds    = map[string]logical.Factory{"approle": approle.Factory, "kubernetes": kubeauth.Factory}
)

func lookup(name string, t consts.PluginType) (logical.Factory, bool) {
	var f logical.Factory
	var ok bool
	switch t {
	case consts.PluginTypeCredential:
		f, ok = creds[name]
	case consts.PluginTypeSecrets:
		f, ok = logicals[name]
	}
	return f, ok
}

func (registry) Contains(n string, t consts.PluginType) bool { _, ok := lookup(n, t); return ok }
func (registry) Get(n string, t consts.PluginType) (func() (interface{}, error), bool) {
	f, ok := lookup(n, t)
	if !ok {
		return nil, false
	}
	return func() (interface{}, error) { return f, nil }, true
}
func (registry) Keys(t consts.PluginType) []string {
	var out []string
	m := creds
	if t == consts.PluginTypeSecrets {
		m = logicals
	} else if t != consts.PluginTypeCredential {
		return nil
	}
	for k := range m {
		out = append(out, k)
	}
	return out
}
func (registry) DeprecationStatus(n string, t consts.PluginType) (consts.DeprecationStatus, bool) {
	_, ok := lookup(n, t)
	return consts.Supported, ok
}
func (registry) IsBuiltinEntPlugin(string, consts.PluginType) bool { return false }

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "vaultdev:", err)
		os.Exit(1)
	}
}

func run() error {
	addr := flag.String("listen", "127.0.0.1:0", "loopback address to listen on")
	rootID := flag.String("root-token", "root", "id of the root token")
	level := flag.String("log-level", "error", "trace, debug, info, warn, error or off")
	flag.Parse()

	ln, err := listen(*addr)
	if err != nil {
		return err
	}
	logger := log.New(&log.LoggerOptions{Level: log.LevelFromString(*level), Output: os.Stderr})
	core, rootToken, err := newCore("http://"+ln.Addr().String(), logger)
	if err != nil {
		return err
	}
	if err := prepare(core, rootToken, *rootID); err != nil {
		return err
	}
	srv := &http.Server{Handler: vaulthttp.Handler.Handler(&vault.HandlerProperties{
		Core: core, ListenerConfig: &configutil.Listener{},
	})}
	go func() { awaitEnd(); srv.Close() }()
	fmt.Printf("http://%s\n", ln.Addr())
	if err := srv.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return core.Shutdown()
}

// listen looks at the address before it binds: nothing else is ever open, not
// even for a moment.
func listen(addr string) (net.Listener, error) {
	tcp, err := net.ResolveTCPAddr("tcp", addr)
	if err != nil {
		return nil, err
	}
	if !tcp.IP.IsLoopback() {
		return nil, fmt.Errorf("%s is not a loopback address; this server is for tests on one machine", addr)
	}
	return net.ListenTCP("tcp", tcp)
}

func awaitEnd() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if os.Getenv("VAULTDEV_STOP_WITH_STDIN") == "1" {
		go func() { _, _ = io.Copy(io.Discard, os.Stdin); stop() }()
	}
	<-ctx.Done()
}

// newCore makes an empty Vault, initialised and unsealed.
func newCore(address string, logger log.Logger) (core *vault.Core, rootToken string, err error) {
	phys, err := inmem.NewInmem(nil, logger)
	if err != nil {
		return nil, "", err
	}
	core, err = vault.NewCore(&vault.CoreConfig{
		Physical: phys, Logger: logger, DisableMlock: true,
		LogicalBackends: logicals, CredentialBackends: creds,
		BuiltinRegistry: registry{}, RedirectAddr: address,
	})
	if err != nil {
		return nil, "", err
	}
	one := &vault.SealConfig{SecretShares: 1, SecretThreshold: 1}
	init, err := core.Initialize(namespace.RootContext(context.Background()), &vault.InitParams{
		BarrierConfig: one, RecoveryConfig: one.Clone(),
	})
	if err != nil {
		return nil, "", err
	}
	if ok, err := core.Unseal(init.SecretShares[0]); err != nil || !ok {
		return nil, "", fmt.Errorf("unseal: %v %w", ok, err)
	}
	return core, init.RootToken, nil
}

// prepare makes a root token of the given id and mounts KV version 2 at secret/.
func prepare(core *vault.Core, rootToken, id string) error {
	steps := []struct {
		path string
		data map[string]interface{}
	}{
		{"auth/token/create", map[string]interface{}{
			"id": id, "policies": []string{"root"}, "no_parent": true, "no_default_policy": true,
		}},
		{"sys/mounts/secret", map[string]interface{}{
			"type": "kv", "options": map[string]interface{}{"version": "2"},
		}},
	}
	for _, s := range steps {
		resp, err := core.HandleRequest(namespace.RootContext(context.Background()), &logical.Request{
			Operation: logical.UpdateOperation, ClientToken: rootToken, Path: s.path, Data: s.data,
		})
		if err == nil && resp != nil && resp.IsError() {
			err = resp.Error()
		}
		if err != nil {
			return fmt.Errorf("%s: %w", s.path, err)
		}
	}
	return nil
}
