package vault

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"
)

// DefaultTimeout is how long one read of the vault may take, login and second
// try included, when the config does not say.
const DefaultTimeout = 5 * time.Second

// A Config says which vault to ask and how. Nothing of it is taken from the
// environment: VAULT_*, BAO_* and proxy variables are ignored.
type Config struct {
	// Address is the vault's URL, such as https://vault.example.com:8200.
	// Plain http is taken for loopback addresses only. Empty means there is no
	// vault: then ref+vault references are refused and the others work.
	Address string
	// Token is where the vault's token is: ref+file or ref+env. It is read
	// again at each login.
	Token *Ref
	// Namespace is sent as X-Vault-Namespace; empty sends none.
	Namespace string
	// Mounts lists the KV version 2 mounts, for mounts of several segments. A
	// reference must then lie in one of them; the longest that fits counts.
	// Without Mounts the first segment of a reference is the mount.
	Mounts []string
	// CAFile, PEM, replaces the system's certificate authorities.
	CAFile string
	// CacheFor is how long a value read from the vault is used without asking
	// again; 0 asks every time. Files and variables are never cached.
	CacheFor time.Duration
	// ServeStaleFor is how long after CacheFor a value may still be served
	// when the vault cannot be reached; 0 never does.
	ServeStaleFor time.Duration
	// Timeout bounds one read of the vault; 0 means DefaultTimeout.
	Timeout time.Duration
	// Log gets logins and served stale values; nil discards them.
	Log *slog.Logger
	// Now is the cache's clock; nil means time.Now.
	Now func() time.Time
}

func (c Config) check() error {
	switch {
	case c.CacheFor < 0 || c.ServeStaleFor < 0 || c.Timeout < 0:
		return errors.New("vault: a duration is negative; use 0 to switch caching or stale values off")
	case c.Address == "" && (c.Token != nil || c.Namespace != "" || len(c.Mounts) > 0 || c.CAFile != ""):
		return errors.New("vault: there are settings for a vault but no address; give its address or take the settings out")
	case c.Address == "":
		return nil
	case c.Token == nil || c.Token.IsZero():
		return errors.New("vault: there is no token; give a reference to it, such as ref+file:///run/secrets/vault-token")
	case c.Token.scheme == schemeVault:
		return errors.New("vault: the vault's own token cannot be in the vault; use ref+file or ref+env")
	}
	for _, m := range c.Mounts {
		if !segments(m) {
			return fmt.Errorf("vault: mount %q is not plain segments; write it without / at its ends, such as secret or team/kv", m)
		}
	}
	if !printable(c.Namespace) || strings.Contains(c.Namespace, " ") {
		return errors.New("vault: the namespace has a space or a character that cannot be printed; write it as in team-a or parent/child")
	}
	return checkAddress(c.Address)
}

// checkAddress does not print the address: it may hold a password.
func checkAddress(address string) error {
	u, err := url.Parse(address)
	switch {
	case err != nil || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http"):
		return errors.New("vault: the address is not a URL of a server; write it as https://vault.example.com:8200")
	case u.User != nil || u.RawQuery != "" || u.ForceQuery || strings.Contains(address, "#"):
		return errors.New("vault: the address holds a user, a query or a fragment; leave only scheme, host, port and path")
	case u.Scheme == "http" && !loopback(u.Hostname()):
		return errors.New("vault: plain http would send the token over the network readable; use https (http is for loopback addresses)")
	}
	return nil
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// transport is the one way out of this package: no proxy, no system
// authorities beside a CAFile, kept connections.
func (c Config) transport() (*http.Transport, error) {
	tlsConfig := &tls.Config{MinVersion: tls.VersionTLS12}
	if c.CAFile != "" {
		pem, err := os.ReadFile(c.CAFile)
		if err != nil {
			return nil, fmt.Errorf("vault: the CA file cannot be read: %w; correct its path or its mode", err)
		}
		tlsConfig.RootCAs = x509.NewCertPool()
		if !tlsConfig.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("vault: the CA file %s holds no certificate; it must be PEM", c.CAFile)
		}
	}
	return &http.Transport{
		DialContext:         (&net.Dialer{Timeout: c.Timeout, KeepAlive: 30 * time.Second}).DialContext,
		TLSClientConfig:     tlsConfig,
		TLSHandshakeTimeout: c.Timeout,
		ForceAttemptHTTP2:   true,
		MaxIdleConnsPerHost: 16,
		IdleConnTimeout:     90 * time.Second,
	}, nil
}
