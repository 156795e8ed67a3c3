package bmclient

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

const (
	sampleID     = "AKIDz8krbsJ5yKBZQpn74WFkmLPx3gnPhESA"
	sampleSecret = "Gu5t9xGARNpq86cd98joQYCN3Cozk1qA"
	pairsV2      = "Action=DescribeInstances InstanceIds.0=ins-09dx96dg Nonce=11886 Region=ap-guangzhou SecretId=" + sampleID + " Timestamp=1465185768"
	pairsV4      = "Action=DescribeInstances Version=2017-03-12 Nonce=1290303896666895346 Region=ap-guangzhou SecretId=secretIdFoo Timestamp=1512393162"
	pairsBM      = "Nonce=48476 Region=bj SecretId=" + sampleID + " Timestamp=1476436689 cmdId=cmd-nozcbhuw"
)

var vectors = []struct {
	why, method, host, secret, hash, pairs string
	text                                   string // "" where only the signature is published
	want                                   string
}{
	{
		"V1: SHA-1 when no method is named", "GET", "cvm.api.qcloud.com", sampleSecret, "",
		"offset=0 limit=20 instanceIds.0=ins-09dx96dg Timestamp=1465185768 SecretId=" + sampleID + " Region=gz Nonce=11886 Action=DescribeInstances",
		"GETcvm.api.qcloud.com/v2/index.php?Action=DescribeInstances&Nonce=11886&Region=gz&SecretId=" + sampleID + "&Timestamp=1465185768&instanceIds.0=ins-09dx96dg&limit=20&offset=0",
		"NSI3UqqD99b/UJb4tbG/xZpRW64=",
	},
	{
		"V2: SHA-256", "GET", "cvm.api.qcloud.com", sampleSecret, HmacSHA256, pairsV2 + " SignatureMethod=HmacSHA256",
		"GETcvm.api.qcloud.com/v2/index.php?Action=DescribeInstances&InstanceIds.0=ins-09dx96dg&Nonce=11886&Region=ap-guangzhou&SecretId=" + sampleID + "&SignatureMethod=HmacSHA256&Timestamp=1465185768",
		"0EEm/HtGRr/VJXTAD9tYMth1Bzm3lLHz5RCDv1GdM8s=",
	},
	{"V3: SHA-1 named", "GET", "cvm.api.qcloud.com", sampleSecret, HmacSHA1, pairsV2 + " SignatureMethod=HmacSHA1", "", "nPVnY6njQmwQ8ciqbPl5Qe+Oru4="},
	{
		"V4: POST, SHA-1", "POST", "cvm.api.qcloud.com", "secretKeyBar", HmacSHA1, pairsV4 + " SignatureMethod=HmacSHA1",
		"POSTcvm.api.qcloud.com/v2/index.php?Action=DescribeInstances&Nonce=1290303896666895346&Region=ap-guangzhou&SecretId=secretIdFoo&SignatureMethod=HmacSHA1&Timestamp=1512393162&Version=2017-03-12",
		"p3n+pxBqF5JGZtDSxoVn5tGngf0=",
	},
	{"V5: POST, SHA-256", "POST", "cvm.api.qcloud.com", "secretKeyBar", HmacSHA256, pairsV4 + " SignatureMethod=HmacSHA256", "", "B2T37FRSP6Fk0/q/cdfrTE0p3zX5ooB/2BPWZUFpsj4="},
	{"V6: GET of V4", "GET", "cvm.api.qcloud.com", "secretKeyBar", HmacSHA1, pairsV4 + " SignatureMethod=HmacSHA1", "", "5HAq1BOKNLEE2/uauWnp6Zv9Z3c="},
	// These are computed by us, to notice a change.
	{"GetUserCmd, GET", "GET", "bm.api.qcloud.com", sampleSecret, "", pairsBM + " Action=GetUserCmd", "", "m49ayRdppPm/1cAA06rIvUm7vmY="},
	{
		"RunUserCmd, GET, an empty value", "GET", "bm.api.qcloud.com", sampleSecret, "",
		pairsBM + " Action=RunUserCmd cmdParam= instanceId.0=sdfrfss instanceId.1=sdfrfdw password=123456 userName=root",
		"GETbm.api.qcloud.com/v2/index.php?Action=RunUserCmd&Nonce=48476&Region=bj&SecretId=" + sampleID + "&Timestamp=1476436689&cmdId=cmd-nozcbhuw&cmdParam=&instanceId.0=sdfrfss&instanceId.1=sdfrfdw&password=123456&userName=root",
		"emz5SG3NvHj9egMedV55+Sjw9xg=",
	},
	{
		"RunUserCmd, POST, the other array key", "POST", "bm.api.qcloud.com", sampleSecret, "",
		pairsBM + " Action=RunUserCmd cmdParam= instanceIds.0=sdfrfss instanceIds.1=sdfrfdw password=123456 userName=root", "", "kKe//x1aFKWaaIhhmiY/4zK6rcc=",
	},
	{
		"RunUserCmd, POST, SHA-256, signs and spaces in a value", "POST", "bm.api.qcloud.com", sampleSecret, HmacSHA256,
		pairsBM + " Action=RunUserCmd SignatureMethod=HmacSHA256 cmdParam=LWEgLWI= instanceId.0=sdfrfss instanceId.1=sdfrfdw password=p@ss\u00a0w+rd&=% userName=root",
		"", "eyJ1anHi2cIQy9ce9z9h91YqhHF99hwYuSJ9hDwr+uw=",
	},
}

// parsePairs reads "k=v k=v"; a non-breaking space in a value stands for a space.
func parsePairs(s string) params {
	var ps params
	for pair := range strings.SplitSeq(s, " ") {
		k, v, _ := strings.Cut(pair, "=")
		ps.add(k, strings.ReplaceAll(v, "\u00a0", " "))
	}
	return ps
}

func TestVectors(t *testing.T) {
	for _, v := range vectors {
		t.Run(v.why, func(t *testing.T) {
			text := textToSign(v.method, v.host, "/v2/index.php", parsePairs(v.pairs))
			if v.text != "" && string(text) != v.text {
				t.Errorf("text to sign\n got %s\nwant %s", text, v.text)
			}
			if got := signature(v.hash, v.secret, text); got != v.want {
				t.Errorf("signature %s, want %s", got, v.want)
			}
		})
	}
}

func TestTextToSign(t *testing.T) {
	tests := []struct{ why, pairs, want string }{
		{"upper case sorts before lower case", "b=1 a=2 B=3", "B=3&a=2&b=1"},
		{"bytes, not numbers", "x.2=b x.10=a", "x.10=a&x.2=b"},
		{"an underscore in a key becomes a dot, one in a value stays", "Placement_Zone=CN_GUANGZHOU", "Placement.Zone=CN_GUANGZHOU"},
		{"the order is that of the keys after the replacement", "a_b=1 aA=2 a.c=3", "a.b=1&a.c=3&aA=2"},
		{"empty values are there", "k=", "k="},
		{"values are raw", "k=%20+&=/?ü", "k=%20+&=/?ü"},
	}
	for _, tt := range tests {
		t.Run(tt.why, func(t *testing.T) {
			if got := string(textToSign("GET", "h", "/p", parsePairs(tt.pairs))); got != "GETh/p?"+tt.want {
				t.Errorf("got %s, want GETh/p?%s", got, tt.want)
			}
		})
	}
}

func TestTextToSignLeavesItsArgumentAlone(t *testing.T) {
	ps := params{{"z_z", "1"}, {"a", "2"}}
	textToSign("GET", "h", "/", ps)
	if want := (params{{"z_z", "1"}, {"a", "2"}}); !slices.Equal(ps, want) {
		t.Errorf("params became %v", ps)
	}
}

// Whatever the values, the text is the same for every order of the parameters, and what is encoded is read back as it was.
func FuzzSignOrderAndEncoding(f *testing.F) {
	f.Add("cmdId", "cmd-1", "password", "p@ss w+rd&=%", "x.10", "", "x.2", "\xff\x00")
	f.Add("a_b", "1", "a.c", "2", "aA", "3", "", "4")
	f.Fuzz(func(t *testing.T, k1, v1, k2, v2, k3, v3, k4, v4 string) {
		ps := params{{k1, v1}, {k2, v2}, {k3, v3}, {k4, v4}}
		seen := map[string]bool{}
		for _, p := range ps {
			key := strings.ReplaceAll(p.key, "_", ".")
			if seen[key] {
				t.Skip("two parameters of one name have no order")
			}
			seen[key] = true
		}
		want := string(textToSign("POST", "h", "/", ps))
		for range 3 {
			ps = append(ps[1:], ps[0])
			if got := string(textToSign("POST", "h", "/", ps)); got != want {
				t.Fatalf("order matters: %q and %q", got, want)
			}
		}
		form, err := url.ParseQuery(ps.encode())
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range ps {
			if got := form.Get(p.key); got != p.value {
				t.Errorf("%q was read back as %q", p.value, got)
			}
		}
	})
}

// The text is what a plain reading of the rule gives: a sorted join.
func TestTextToSignIsASortedJoin(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := rapid.MapOfN(rapid.StringMatching(`[A-Za-z.0-9]{1,6}`), rapid.String(), 1, 12).Draw(t, "params")
		var ps params
		var lines []string
		for k, v := range m {
			ps.add(k, v)
			lines = append(lines, k+"\x00"+v)
		}
		slices.Sort(lines)
		for i := range lines {
			lines[i] = strings.Replace(lines[i], "\x00", "=", 1)
		}
		if got, want := string(textToSign("GET", "h", "/p", ps)), "GETh/p?"+strings.Join(lines, "&"); got != want {
			t.Fatalf("got %q, want %q", got, want)
		}
	})
}

func TestNonceIsPositiveAndFresh(t *testing.T) {
	seen := map[uint64]bool{}
	for range 1000 {
		n := randomNonce()
		if n == 0 || n > 1<<63-1 || seen[n] {
			t.Fatalf("nonce %d is zero, too large for a signed number, or came before", n)
		}
		seen[n] = true
	}
}

var sink []byte

func BenchmarkSign(b *testing.B) {
	c, err := New(Config{ReadKey: noKey})
	if err != nil {
		b.Fatal(err)
	}
	r := Run{CmdID: "cmd-nozcbhuw", Hosts: []string{"ins-1", "ins-2", "ins-3"}, User: "root", Password: word("p@ss w+rd"), Parameters: []byte("-a -b")}
	key := Key{ID: sampleID, Secret: word(sampleSecret)}
	b.ReportAllocs()
	for b.Loop() {
		call, err := c.signRun(key, r, c.cfg.Now())
		if err != nil || call.method != http.MethodPost {
			b.Fatal(err)
		}
	}
}

func BenchmarkTextToSign(b *testing.B) {
	ps := parsePairs(vectors[7].pairs)
	b.ReportAllocs()
	for b.Loop() {
		sink = textToSign("POST", "bm.api.qcloud.com", "/v2/index.php", ps)
	}
}
