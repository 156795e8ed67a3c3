package bmtest

import (
	"testing"
	"time"
)

// The vendor's published example of TC3: DescribeInstances of cvm, at 1551113065. Its page has had three editions since; each printed its
// masked key and the signature that this very text, asterisks and all, gives. Two sign two headers, the newest three.
const (
	publishedBody = `{"Limit": 1, "Filters": [{"Values": ["\u672a\u547d\u540d"], "Name": "instance-name"}]}`
	twoHeaders    = "content-type:application/json; charset=utf-8\nhost:cvm.tencentcloudapi.com\n"
	threeHeaders  = twoHeaders + "x-tc-action:describeinstances\n"
)

func TestPublishedTC3(t *testing.T) {
	tests := []struct{ why, secret, headers, signed, request, signature string }{
		{
			"EXAMPLE", "Gu5t9xGARNpq86cd98joQYCN3EXAMPLE", twoHeaders, "content-type;host",
			"5ffe6a04c0664d6b969fab9a13bdab201d63ee709638e2749d62a09ca18d7031",
			"72e494ea809ad7a8c8f7a4507b9bddcbaa8e581f516e8da2f66e2c5a96525168",
		},
		{
			"seven asterisks", "Gu5t9xGARNpq86cd98joQYCN3*******", twoHeaders, "content-type;host",
			"5ffe6a04c0664d6b969fab9a13bdab201d63ee709638e2749d62a09ca18d7031",
			"2230eefd229f582d8b1b891af7107b91597240707d778ab3738f756258d7652c",
		},
		{
			"all asterisks, with the action", "********************************", threeHeaders, "content-type;host;x-tc-action",
			"7019a55be8395899b900fb5564e4200d984910f34794a27cb3fb7d10ff6a1e84",
			"10b1a37a7301a02ca19a647ad722d5e43b4b3cff309d421d85b46093f6ab6c4f",
		},
	}
	for _, tt := range tests {
		t.Run(tt.why, func(t *testing.T) {
			if got := hashed([]byte(publishedBody)); got != "35e9c5b0e3ae67532d3c9f17ead6c90222632e5b1ff7f6e89887f1398934f064" {
				t.Errorf("hash of the body %s", got)
			}
			request := canonical("POST", tt.headers, tt.signed, []byte(publishedBody))
			if got := hashed([]byte(request)); got != tt.request {
				t.Errorf("hash of the request %s\n%s", got, request)
			}
			text := textToSign3(time.Unix(1551113065, 0), "2019-02-25/cvm/tc3_request", request)
			if want := "TC3-HMAC-SHA256\n1551113065\n2019-02-25/cvm/tc3_request\n" + tt.request; text != want {
				t.Errorf("text %q", text)
			}
			if got := sign3(tt.secret, "2019-02-25", "cvm", text); got != tt.signature {
				t.Errorf("signature %s", got)
			}
		})
	}
}
