package main

import (
	"crypto"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"os"
)

// signatureLine comes after the end of an export that is signed.
type signatureLine struct {
	Kind    string `json:"kind"`    // signature
	Key     string `json:"key"`     // the public one, in base64, for people: who verifies names theirs
	Ed25519 string `json:"ed25519"` // of [signedText] of all lines before, in base64
}

// signedText is what is signed: the SHA-256 of all lines, the one of kind end included.
func signedText(sum []byte) []byte { return append([]byte("bmcmd export\n"), sum...) }

func signature(key crypto.Signer, sum []byte) (signatureLine, error) {
	public, _ := key.Public().(ed25519.PublicKey)
	s, err := key.Sign(nil, signedText(sum), crypto.Hash(0))
	if err != nil {
		return signatureLine{}, fmt.Errorf("the export cannot be signed: %w", err)
	}
	return signatureLine{Kind: "signature", Key: base64.StdEncoding.EncodeToString(public), Ed25519: base64.StdEncoding.EncodeToString(s)}, nil
}

// key is the one that l names; nil if that is none.
func (l signatureLine) key() ed25519.PublicKey {
	key, err := base64.StdEncoding.DecodeString(l.Key)
	if err != nil || len(key) != ed25519.PublicKeySize {
		return nil
	}
	return key
}

// words say who signed an export, where it has to be this key; nil: any.
func (l signatureLine) words(key ed25519.PublicKey) string {
	switch {
	case l.Kind == "":
		return "not signed"
	case key == nil:
		return "signed by key " + l.Key + ", which was not looked at (give --key)"
	}
	return "signed by key " + base64.StdEncoding.EncodeToString(key)
}

// by reports whether key signed these lines.
func (l signatureLine) by(key ed25519.PublicKey, sum []byte) bool {
	s, err := base64.StdEncoding.DecodeString(l.Ed25519)
	return err == nil && len(key) == ed25519.PublicKeySize && ed25519.Verify(key, signedText(sum), s)
}

// publicKey reads the key that an export has to be signed with; "" is none.
func publicKey(file string) (ed25519.PublicKey, error) {
	if file == "" {
		return nil, nil
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("the public key cannot be read: %w; correct its path or its mode", err)
	}
	if block, _ := pem.Decode(text); block != nil {
		if key, err := x509.ParsePKIXPublicKey(block.Bytes); err == nil {
			if public, ok := key.(ed25519.PublicKey); ok {
				return public, nil
			}
		}
	}
	return nil, fmt.Errorf("%s is no public Ed25519 key in PEM; make one with openssl pkey -in KEY -pubout", file)
}
