package serve

import (
	"context"

	"github.com/bmcmd/bmcmd/cmd/internal/vault"
)

// runSecrets are what only an approved run reads, by key of the config.
func (s *Server) runSecrets() (refs []vault.Ref, names []string) {
	add := func(name string, r vault.Ref) {
		if r != (vault.Ref{}) {
			refs, names = append(refs, r), append(names, name)
		}
	}
	add("bm.run_key.id", s.cfg.BM.RunKey.ID)
	add("bm.run_key.secret", s.cfg.BM.RunKey.Secret)
	add("bm.run_key.token", s.cfg.BM.RunKey.Token)
	for _, l := range s.cfg.Logins {
		add("logins."+l.Name+".password", l.Password)
	}
	return refs, names
}

// secrets reads each as a run would, and lets go of it.
func (p *probe) secrets(ctx context.Context) {
	refs, names := p.runSecrets()
	for i, ref := range refs {
		read := p.secret
		if i < len(refs)-len(p.cfg.Logins) {
			read = p.keyPart
		}
		_, err := read(ctx, ref)
		p.resolver.Forget(ref)
		if err != nil {
			p.says("secrets", Bad, "%s: %v", names[i], err)
		} else {
			p.says("secrets", Good, "%s is there (%s)", names[i], ref)
		}
	}
}
