package serve

import (
	"context"
	"crypto"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"

	"github.com/bmcmd/bmcmd/cmd/internal/vault"
)

// ErrSigningKey says that what lies under a reference is no key that signs.
var ErrSigningKey = errors.New("this is no Ed25519 key in PEM (PKCS #8), as openssl genpkey -algorithm ed25519 makes it")

// Signer reads a key that signs exports. Errors wrap [ErrSigningKey], or are those of the
// vault; they name the reference and nothing of the key.
func (a *Audit) Signer(ctx context.Context, reference string) (crypto.Signer, error) {
	ref, err := vault.ParseRef(reference)
	if err != nil {
		return nil, err
	}
	secret, err := a.s.resolver.Resolve(ctx, ref)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode([]byte(secret.Reveal()))
	if block == nil {
		return nil, fmt.Errorf("%s: %w", ref, ErrSigningKey)
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	private, ok := key.(ed25519.PrivateKey)
	if err != nil || !ok {
		return nil, fmt.Errorf("%s: %w", ref, ErrSigningKey)
	}
	return private, nil
}
