package main

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// cloud is the script API, of which it calls one action.
type cloud struct {
	API      string // 2.0, 3.0 or tat
	Endpoint string
	Region   string
	ID, Key  string // what calls are signed with
	User     string
	Password string
	Content  string // of the script, which TAT is sent

	client *http.Client
}

// run starts a script on hosts. Its error is what the API says, or the network's.
func (c cloud) run(ctx context.Context, script string, hosts []string) error {
	var req *http.Request
	var err error
	switch c.API {
	case "2.0":
		req, err = c.run2(ctx, script, hosts)
	case "3.0":
		req, err = c.call3(ctx, "bm", "2018-04-23", "RunUserCmd", map[string]any{
			"CmdId": script, "InstanceIds": hosts, "UserName": c.User, "Password": c.Password,
		})
	default:
		req, err = c.call3(ctx, "tat", "2020-10-28", "RunCommand", map[string]any{
			"Content": base64.StdEncoding.EncodeToString([]byte(c.Content)), "InstanceIds": hosts, "CommandType": "SHELL", "Username": c.User,
		})
	}
	if err != nil {
		return err
	}
	resp, err := c.client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	var said struct {
		Code     int
		Message  string
		Response struct {
			Error             struct{ Message string }
			FailedTaskInfoSet []struct{ ErrorMsg string }
		}
	}
	if err := json.Unmarshal(body, &said); err != nil {
		return err
	}
	if why := said.Response; said.Code != 0 || why.Error.Message != "" || len(why.FailedTaskInfoSet) > 0 {
		return fmt.Errorf("the API refuses: %d %s%s%v", said.Code, said.Message, why.Error.Message, why.FailedTaskInfoSet)
	}
	return nil
}

// run2 is RunUserCmd of API 2.0: a form, signed with all that is in it.
func (c cloud) run2(ctx context.Context, script string, hosts []string) (*http.Request, error) {
	form := map[string]string{
		"Action": "RunUserCmd", "Nonce": strconv.FormatUint(1+rand.Uint64N(1<<62), 10), "Region": c.Region, "SecretId": c.ID,
		"SignatureMethod": "HmacSHA256", "Timestamp": strconv.FormatInt(time.Now().Unix(), 10),
		"cmdId": script, "cmdParam": "", "userName": c.User, "password": c.Password,
	}
	for i, h := range hosts {
		form["instanceId."+strconv.Itoa(i)] = h
	}
	at, err := url.Parse(c.Endpoint)
	if err != nil {
		return nil, err
	}
	var pairs []string
	values := url.Values{}
	for _, k := range slices.Sorted(maps.Keys(form)) {
		pairs = append(pairs, k+"="+form[k])
		values.Set(k, form[k])
	}
	sum := mac([]byte(c.Key), http.MethodPost+at.Host+at.Path+"?"+strings.Join(pairs, "&"))
	values.Set("Signature", base64.StdEncoding.EncodeToString(sum))
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.Endpoint, strings.NewReader(values.Encode()))
	if err == nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	return req, err
}

// call3 is a call of API 3.0: JSON, signed by TC3-HMAC-SHA256.
func (c cloud) call3(ctx context.Context, service, version, action string, fields map[string]any) (*http.Request, error) {
	body, err := json.Marshal(fields)
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.Endpoint, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	now := time.Now().UTC()
	stamp, day := strconv.FormatInt(now.Unix(), 10), now.Format(time.DateOnly)
	canonical := "POST\n/\n\ncontent-type:application/json\nhost:" + req.URL.Host + "\n\ncontent-type;host\n" + hashed(body)
	scope := day + "/" + service + "/tc3_request"
	key := []byte("TC3" + c.Key)
	for _, part := range []string{day, service, "tc3_request"} {
		key = mac(key, part)
	}
	sum := mac(key, "TC3-HMAC-SHA256\n"+stamp+"\n"+scope+"\n"+hashed([]byte(canonical)))
	for name, value := range map[string]string{
		"Content-Type": "application/json", "X-TC-Action": action, "X-TC-Version": version, "X-TC-Region": c.Region, "X-TC-Timestamp": stamp,
		"Authorization": "TC3-HMAC-SHA256 Credential=" + c.ID + "/" + scope + ", SignedHeaders=content-type;host, Signature=" + hex.EncodeToString(sum),
	} {
		req.Header.Set(name, value)
	}
	return req, nil
}

func mac(key []byte, text string) []byte {
	m := hmac.New(sha256.New, key)
	m.Write([]byte(text))
	return m.Sum(nil)
}

func hashed(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}
