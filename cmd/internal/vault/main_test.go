package vault_test

import (
	"fmt"
	"os"
	"testing"

	"go.uber.org/goleak"

	"github.com/bmcmd/bmcmd/cmd/internal/vault"
)

// canary is the planted secret. It needs escaping in URLs and in JSON.
const canary = `cAnArY/+"s3cr&t" <x>%41\é`

// TestMain can also be a process that dies of a panic which holds a secret:
// see TestPanicHoldsNoValue.
func TestMain(m *testing.M) {
	if how := os.Getenv("VAULT_TEST_PANIC"); how != "" {
		panicWith(how, vault.NewSecret(os.Getenv("VAULT_TEST_PANIC_VALUE")))
	}
	goleak.VerifyTestMain(m)
}

type holder struct {
	Name   string
	hidden vault.Secret
}

func panicWith(how string, s vault.Secret) {
	switch how {
	case "secret":
		panic(s)
	case "pointer":
		panic(&s)
	case "struct":
		panic(holder{"x", s})
	case "error":
		panic(fmt.Errorf("with %v %+v %#v %d", s, holder{"x", s}, &s, s))
	case "nil call":
		var none *holder
		use(s, none)
	}
}

func use(_ vault.Secret, h *holder) { fmt.Println(h.Name, h.hidden) }
