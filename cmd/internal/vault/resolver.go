package vault

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sync/singleflight"
)

// A Resolver turns references into secrets. It may be used by many goroutines.
type Resolver struct {
	server  *server // nil: no vault is configured
	mounts  []string
	timeout time.Duration
	log     *slog.Logger
	now     func() time.Time

	// These are pointers for fmt: a struct that has a *Resolver, printed with
	// %s, shows what the pointer points at, one level deep, and asks no Format.
	cache   *cache
	flights *singleflight.Group
	scrub   *scrubber

	closing context.Context // ended by Close; every read of the vault ends with it
	close   context.CancelFunc
}

// New checks c and makes a Resolver. It asks nobody yet: see [Resolver.Check].
func New(c Config) (*Resolver, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	if c.Timeout == 0 {
		c.Timeout = DefaultTimeout
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	r := &Resolver{
		mounts:  c.Mounts,
		timeout: c.Timeout,
		log:     c.Log,
		now:     c.Now,
		cache:   &cache{freshFor: c.CacheFor, staleFor: c.ServeStaleFor},
		flights: &singleflight.Group{},
		scrub:   &scrubber{},
	}
	if c.Address != "" {
		var err error
		if r.server, err = newServer(c, r.scrub.add); err != nil {
			return nil, err
		}
	}
	r.closing, r.close = context.WithCancel(context.Background())
	return r, nil
}

// Close ends reads that are under way and lets idle connections go. Use the
// Resolver no more after it. Closing twice is harmless.
func (r *Resolver) Close() {
	r.close()
	if r.server != nil {
		r.server.closeIdle()
	}
}

// Format prints what this is and nothing in it: the cache holds values.
func (*Resolver) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "vault.Resolver") }

// Accepts says, asking nobody, whether ref fits this Resolver: that there is
// a vault for a ref+vault, and a mount for its path. It is for the start of a
// program. Errors wrap [ErrUnusable].
func (r *Resolver) Accepts(ref Ref) error {
	if _, err := r.locate(ref); err != nil {
		return about(ref, err)
	}
	return nil
}

// Resolve reads the secret that ref points at.
//
// Files and variables are read each time. From the vault a value comes out of
// the cache for CacheFor; then callers who want the same path at the same time
// share one read, which goes on when one of them leaves. When the vault cannot
// be reached, a value up to CacheFor+ServeStaleFor old is served and that is
// logged.
//
// Errors name ref and wrap one of this package's sentinels, or ctx's error
// when ctx ended first (then [ErrUnreachable], too). Calling again is always
// safe; nothing here writes to a vault.
func (r *Resolver) Resolve(ctx context.Context, ref Ref) (Secret, error) {
	value, err := r.value(ctx, ref)
	if err == nil {
		err = ends(value)
	}
	if err != nil {
		return Secret{}, about(ref, err)
	}
	r.scrub.add(value)
	return NewSecret(value), nil
}

func about(ref Ref, err error) error {
	if ref.IsZero() {
		return fmt.Errorf("an empty reference: %w", err)
	}
	return fmt.Errorf("%s: %w", ref, err)
}

func (r *Resolver) value(ctx context.Context, ref Ref) (string, error) {
	if ref.scheme == schemeFile || ref.scheme == schemeEnv {
		return readLocal(ref)
	}
	at, err := r.locate(ref)
	if err != nil {
		return "", err
	}
	data, err := r.fields(ctx, at)
	if err != nil {
		return "", err
	}
	return pick(data, ref.field)
}

// Forget drops what is cached for ref, so that the next Resolve reads it
// again, also when a read is under way now. It is for a value that proved to
// be wrong ("signature failed", "invalid password"). The value stays known to
// Scrub. Other fields of the same path are dropped with it.
func (r *Resolver) Forget(ref Ref) {
	at, err := r.locate(ref)
	if err != nil || at == (place{}) {
		return // never cached
	}
	r.cache.forget(at)
	r.flights.Forget(at.String())
}

// Check says whether the vault answers and takes the token. It reads the token
// again. Its error is one sentence for the person who starts the program. Nil
// without a vault.
func (r *Resolver) Check(ctx context.Context) error {
	if r.server == nil {
		return nil
	}
	ctx, cancel := r.bounded(ctx)
	defer cancel()
	ttl, err := r.server.check(ctx)
	if err != nil {
		return fmt.Errorf("vault at %s: %w", r.server.address, err)
	}
	r.log.InfoContext(ctx, "vault token accepted", "address", r.server.address, "token", r.server.token, "ttl_s", int(ttl.Seconds()))
	return nil
}

// Scrub replaces in s every value that this Resolver has handed out, and the
// vault's token, by "[secret]". See the package comment for the forms it
// finds. Scrub whole texts, before cutting them: half a value is not found.
func (r *Resolver) Scrub(s string) string { return r.scrub.scrub(s) }

// bounded gives a context that ends with ctx, with Close and after Timeout.
func (r *Resolver) bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithTimeout(ctx, r.timeout)
	stop := context.AfterFunc(r.closing, cancel)
	return ctx, func() { stop(); cancel() }
}

// A place is one version of one secret in the vault.
type place struct {
	mount, path string
	version     int
}

func (p place) String() string { return p.mount + " " + p.path + " " + strconv.Itoa(p.version) }

// locate splits the path of a ref+vault; for other references it gives the
// zero place.
func (r *Resolver) locate(ref Ref) (place, error) {
	switch {
	case ref.IsZero():
		return place{}, fail(ErrUnusable, "nothing is set here; "+refForms)
	case ref.scheme != schemeVault:
		return place{}, nil
	case r.server == nil:
		return place{}, fail(ErrUnusable, "the config names no vault; give the vault's address, or use ref+file or ref+env")
	}
	mount := r.mountOf(ref.path)
	if mount == "" {
		return place{}, fail(ErrUnusable, "it lies in none of the configured mounts ("+strings.Join(r.mounts, ", ")+"); correct it or add its mount")
	}
	p := place{mount, strings.TrimPrefix(ref.path, mount+"/"), ref.version}
	if after, ok := strings.CutPrefix(p.path, "data/"); ok {
		return place{}, fail(ErrUnusable, "/data/ is not part of a reference, it is added when reading; write "+mount+"/"+after)
	}
	return p, nil
}

func (r *Resolver) mountOf(path string) string {
	if len(r.mounts) == 0 {
		mount, _, _ := strings.Cut(path, "/")
		return mount
	}
	longest := ""
	for _, m := range r.mounts {
		if strings.HasPrefix(path, m+"/") && len(m) > len(longest) {
			longest = m
		}
	}
	return longest
}

// pick takes one field out of a secret. A number is given as the vault writes
// it. (Vault itself rounds what it stores beyond 2^53.)
func pick(data map[string]any, field string) (string, error) {
	var v any = data
	for part := range strings.SplitSeq(field, "/") {
		object, _ := v.(map[string]any)
		next, ok := object[part]
		if !ok {
			return "", fail(ErrNoField, "the secret has no field "+field+"; correct the reference or store the field")
		}
		v = next
	}
	switch v := v.(type) {
	case string:
		if v != "" {
			return v, nil
		}
	case json.Number:
		return v.String(), nil
	case bool:
		return strconv.FormatBool(v), nil
	case nil:
	default:
		return "", fail(ErrUnusable, "the field holds an object or a list; name a field inside it (#/"+field+"/name) or store a string")
	}
	return "", fail(ErrEmpty, "the field is there, but empty; store the value")
}
