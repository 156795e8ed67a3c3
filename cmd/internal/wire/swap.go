package wire

import (
	"bytes"
	"fmt"
)

// swap is a text that is another one on the other side.
type swap struct{ old, new []byte }

// Swap has the proxy replace a text in what the target says, such as an address
// that is to lead through another proxy. Both must be of the same length, so that no
// length in the protocol around them changes. It is for connections to come.
func (p *Proxy) Swap(before, after string) error {
	if len(before) != len(after) || before == "" {
		return fmt.Errorf("a swap of %d bytes for %d: they must be as many, and some", len(before), len(after))
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.swaps = append(p.swaps, swap{[]byte(before), []byte(after)})
	return nil
}

// replaced replaces the texts in a stream. Bytes at the end of a piece that may be
// the beginning of one wait for the next piece.
func replaced(next source, swaps []swap) source {
	if len(swaps) == 0 {
		return next
	}
	var held []byte
	return func() ([]byte, error) {
		b, err := next()
		b = append(held, b...)
		for _, s := range swaps {
			b = bytes.ReplaceAll(b, s.old, s.new)
		}
		cut := len(b)
		if err == nil {
			cut -= begun(b, swaps)
		}
		held = append([]byte(nil), b[cut:]...)
		return b[:cut], err
	}
}

// begun is how many bytes at the end of b may be the beginning of a text.
func begun(b []byte, swaps []swap) (most int) {
	for _, s := range swaps {
		for n := min(len(b), len(s.old)-1); n > most; n-- {
			if bytes.HasSuffix(b, s.old[:n]) {
				most = n
			}
		}
	}
	return most
}
