package bmclient

import (
	"cmp"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	tc "github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/common"
	tchttp "github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/common/http"
	"github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/common/profile"
)

// sign has the vendor's client make and sign the request. It is the last thing that client does: see collector.
func (api3) sign(c *Client, call call, key Key, at time.Time) (signedCall, error) {
	if err := call.checkText(); err != nil {
		return signedCall{}, err
	}
	cred, err := key.credential()
	if err != nil {
		return signedCall{}, err
	}
	at3 := cmp.Or(call.at, productBM)
	req := tchttp.NewCommonRequest(at3.name, at3.version, call.action)
	if err := req.SetActionParameters(call.fields); err != nil {
		return signedCall{}, local("the vendor's client does not take these parameters")
	}
	signed, err := c.sign3(req, c.hostFor(call.at), cred, at)
	signed.call = call
	return signed, err
}

// credential reveals the key. No credential is ever taken from the environment or from a file.
func (k Key) credential() (*tc.Credential, error) {
	if err := k.check(); err != nil {
		return nil, err
	}
	cred := &tc.Credential{SecretId: k.ID, SecretKey: k.Secret.Reveal()}
	if cred.SecretKey == "" {
		return nil, local("the key's secret is empty")
	}
	if k.Token != nil {
		cred.Token = k.Token.Reveal()
	}
	if !headerSafe(cred.SecretId) || !headerSafe(cred.Token) {
		return nil, local("the key's id or token holds a character that no HTTP header can carry")
	}
	return cred, nil
}

func headerSafe(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r > '~' })
}

// request3 is what the vendor's client signs.
type request3 interface {
	tchttp.Request
	SetHeader(map[string]string)
}

// sign3 signs for a moment of ours: the vendor's client reads its own clock, and takes any header set here instead of its own.
func (c *Client) sign3(req request3, host string, cred *tc.Credential, at time.Time) (signedCall, error) {
	req.SetScheme(c.url.Scheme)
	req.SetDomain(host)
	header := map[string]string{"X-TC-Timestamp": strconv.FormatInt(at.Unix(), 10)}
	for k, v := range req.GetHeader() {
		header[k] = v
	}
	req.SetHeader(header)
	var got collector
	client := tc.NewCommonClient(cred, longRegion(c.cfg.Region), profile3()).WithHttpTransport(&got)
	if err := client.Send(req, tchttp.NewCommonResponse()); err != nil || got.signed == nil {
		return signedCall{}, local("the vendor's client could not sign this request")
	}
	signed := signedCall{method: got.signed.Method, body: got.body, header: map[string]string{}}
	for k := range got.signed.Header {
		signed.header[k] = got.signed.Header.Get(k)
	}
	_, sum, _ := strings.Cut(signed.header["Authorization"], "Signature=")
	signed.secrets = []string{cred.SecretId, cred.SecretKey, sum}
	if cred.Token != "" {
		signed.secrets = append(signed.secrets, cred.Token)
	}
	return signed, nil
}

// profile3 switches off all that the vendor's client does besides signing: its retries after faults and refusals, its change to another
// region's endpoint, its log, its timer. Errors come in English.
func profile3() *profile.ClientProfile {
	p := profile.NewClientProfile()
	p.HttpProfile.ReqTimeout = 0
	p.NetworkFailureMaxRetries, p.RateLimitExceededMaxRetries = 0, 0
	p.UnsafeRetryOnConnectionFailure = false
	p.DisableRegionBreaker = true
	p.Debug = false
	p.Language = "en-US"
	return p
}

// collector stands where the vendor's client has its transport. It takes one signed request, sends nothing, and says that all is
// well. So whatever that client would do about an answer, it never sees one; ours is sent by the same code as one of API 2.0.
type collector struct {
	signed *http.Request
	body   string
}

var errCollected = errors.New("one request was signed already")

// RoundTrip keeps the request.
func (k *collector) RoundTrip(req *http.Request) (*http.Response, error) {
	if k.signed != nil {
		return nil, errCollected
	}
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return nil, err
	}
	req.Body.Close()
	k.signed, k.body = req, string(body)
	return &http.Response{
		StatusCode: http.StatusOK, ProtoMajor: 1, ProtoMinor: 1, Header: http.Header{}, Request: req,
		Body: io.NopCloser(strings.NewReader(`{"Response":{}}`)),
	}, nil
}
