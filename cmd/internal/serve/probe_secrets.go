package serve

import (
	"context"
	"strings"
)

// secrets reads, as a run would, each secret that only an approved run reads, and lets go of it.
func (p *probe) secrets(ctx context.Context) {
	for _, place := range p.cfg.Refs() {
		login := strings.HasPrefix(place.Key, "logins.")
		if !login && !strings.HasPrefix(place.Key, "bm.run_key.") {
			continue
		}
		read := p.keyPart
		if login && strings.HasSuffix(place.Key, ".password") {
			read = p.secret
		}
		_, err := read(ctx, place.Ref)
		p.resolver.Forget(place.Ref)
		if err != nil {
			p.says("secrets", Bad, "%s: %v", place.Key, err)
		} else {
			p.says("secrets", Good, "%s is there (%s)", place.Key, place.Ref)
		}
	}
}
