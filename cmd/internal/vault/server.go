package vault

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode"

	"github.com/openbao/openbao/api/v2"
)

// A server is the vault, and how we are logged in to it.
type server struct {
	address   string
	namespace string
	token     Ref
	http      *http.Client
	log       *slog.Logger
	learned   func(value string) // told of each token, for Scrub

	mu      sync.Mutex
	session *api.Client // nil before the first login
}

func newServer(c Config, learned func(string)) (*server, error) {
	transport, err := c.transport()
	if err != nil {
		return nil, err
	}
	return &server{
		address:   c.Address,
		namespace: c.Namespace,
		token:     *c.Token,
		http: &http.Client{
			Transport:     limited{transport},
			Timeout:       c.Timeout,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		log:     c.Log,
		learned: learned,
	}, nil
}

func (s *server) closeIdle() { s.http.CloseIdleConnections() }

// login gives a client with a token. When the current one is not old (someone
// else has logged in since) it is used; else the token is read again.
//
// A login makes a new client and changes no old one: those under way keep
// their token, and api.Client.Clone would read the environment.
func (s *server) login(old *api.Client) (*api.Client, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.session != old {
		return s.session, nil
	}
	token, err := readLocal(s.token)
	if err != nil {
		return nil, fail(ErrDenied, "the vault's token cannot be read: "+about(s.token, err).Error())
	}
	if strings.ContainsFunc(token, func(r rune) bool { return unicode.IsSpace(r) || !unicode.IsPrint(r) }) {
		return nil, fail(ErrDenied, "what "+s.token.String()+" holds is not a token: there is a space or a line break in it; put only the token there")
	}
	s.learned(token)
	client, err := api.NewClient(&api.Config{
		Address:            s.address,
		HttpClient:         s.http,
		DisableEnvironment: true,
		DisableRedirects:   true,
		CheckRetry:         func(context.Context, *http.Response, error) (bool, error) { return false, nil },
	})
	if err != nil {
		return nil, fail(ErrUnusable, "the vault's address is not usable; write it as https://vault.example.com:8200")
	}
	client.SetToken(token)
	if s.namespace != "" {
		client.SetNamespace(s.namespace)
	}
	if old != nil {
		s.log.Info("vault token read again", "token", s.token)
	}
	s.session = client
	return client, nil
}

func (s *server) current() (*api.Client, error) {
	s.mu.Lock()
	client := s.session
	s.mu.Unlock()
	if client != nil {
		return client, nil
	}
	return s.login(nil)
}

// get sends one GET, and on 403 logs in and sends it once more.
func (s *server) get(ctx context.Context, path string, query url.Values) (*api.Secret, int, error) {
	client, err := s.current()
	if err != nil {
		return nil, 0, err
	}
	secret, status, err := send(ctx, client, path, query)
	if !errors.Is(err, ErrDenied) {
		return secret, status, err
	}
	if client, err = s.login(client); err != nil {
		return nil, status, err
	}
	return send(ctx, client, path, query)
}

// send gives what the vault holds at path, with the status 200 or 404; a 404
// may come with a body. Every other answer is a failure.
func send(ctx context.Context, client *api.Client, path string, query url.Values) (*api.Secret, int, error) {
	resp, err := client.Logical().ReadRawWithDataWithContext(ctx, path, query)
	if resp == nil {
		return nil, 0, unreachable(ctx, err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK && resp.StatusCode != http.StatusNotFound {
		return nil, resp.StatusCode, refused(resp.StatusCode)
	}
	secret, err := api.ParseSecret(resp.Body)
	switch {
	case errors.Is(err, errTooLarge):
		return nil, resp.StatusCode, fail(ErrUnusable, "the vault's answer is larger than "+strconv.Itoa(maxAnswer)+" bytes; store the value on a path of its own")
	case err != nil && aboutText(err):
		return nil, resp.StatusCode, fail(ErrUnreachable, "the answer is not one of a vault; is the address right, or did a proxy answer?")
	case err != nil:
		return nil, resp.StatusCode, unreachable(ctx, err)
	}
	return secret, resp.StatusCode, nil
}

// aboutText says whether err is about the JSON and not about the connection.
func aboutText(err error) bool {
	var syntax *json.SyntaxError
	var typ *json.UnmarshalTypeError
	return errors.As(err, &syntax) || errors.As(err, &typ) || errors.Is(err, io.ErrUnexpectedEOF)
}

// read gives the fields of one version of one secret.
func (s *server) read(ctx context.Context, at place) (map[string]any, error) {
	query := url.Values{}
	if at.version != 0 {
		query.Set("version", strconv.Itoa(at.version))
	}
	secret, status, err := s.get(ctx, at.mount+"/data/"+at.path, query)
	if err != nil {
		return nil, err
	}
	if secret == nil || len(secret.Data) == 0 {
		if status == http.StatusOK {
			return nil, fail(ErrUnreachable, "the answer is empty; is the address right, or did a proxy answer?")
		}
		return nil, fail(ErrNotFound, "the vault has nothing there; check path, version, and that "+at.mount+" is a mount of KV version 2")
	}
	if data, ok := secret.Data["data"].(map[string]any); ok && status == http.StatusOK {
		return data, nil
	}
	return nil, missing(secret.Data)
}

// missing tells a deleted version (404, or 200 with null data, and metadata
// that says so) from an answer of something else.
func missing(answer map[string]any) error {
	meta, ok := answer["metadata"].(map[string]any)
	switch {
	case !ok:
		return fail(ErrUnusable, "the answer is not one of KV version 2; is the mount right, and is it version 2?")
	case meta["destroyed"] == true:
		return fail(ErrNotFound, "this version is destroyed; store the secret again")
	}
	return fail(ErrNotFound, "this version is deleted; undelete it, store the secret again, or correct ?version=")
}

// check reads the token again and asks the vault about it.
func (s *server) check(ctx context.Context) (ttl time.Duration, err error) {
	s.mu.Lock()
	old := s.session
	s.mu.Unlock()
	client, err := s.login(old)
	if err != nil {
		return 0, err
	}
	secret, status, err := send(ctx, client, "auth/token/lookup-self", nil)
	switch {
	case errors.Is(err, ErrDenied):
		return 0, fail(ErrDenied, "the vault refuses the token in "+s.token.String()+"; put a valid one there (its policy must allow auth/token/lookup-self, as the default policy does)")
	case err != nil:
		return 0, err
	case status != http.StatusOK || secret == nil || secret.Data["ttl"] == nil:
		return 0, fail(ErrUnreachable, "the answer is not one of a vault; is the address right, or did a proxy answer?")
	}
	ttl, err = secret.TokenTTL()
	if err != nil {
		return 0, fail(ErrUnreachable, "the answer about the token makes no sense; is this a vault?")
	}
	return ttl, nil
}
