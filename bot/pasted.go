package bot

import "regexp"

// secretLooks are the forms of credentials that people paste by mistake.
var secretLooks = []struct {
	what string
	form *regexp.Regexp
}{
	{"a Slack token", regexp.MustCompile(`\bx(ox[a-z]|app)-[0-9A-Za-z-]{8,}`)},
	{"a Tencent Cloud key id", regexp.MustCompile(`\bAKID[0-9A-Za-z]{20,}`)},
	{"an AWS key id", regexp.MustCompile(`\bA(KIA|SIA)[0-9A-Z]{12,}`)},
	{"a GitHub token", regexp.MustCompile(`\b(gh[pousr]_|github_pat_)[0-9A-Za-z_]{20,}`)},
	{"a vault token", regexp.MustCompile(`\bhv[sbr]\.[0-9A-Za-z_-]{20,}|\bs\.[0-9A-Za-z]{24}\b`)},
	{"a signed token (JWT)", regexp.MustCompile(`\beyJ[0-9A-Za-z_-]{8,}\.[0-9A-Za-z_-]{8,}\.`)},
	{"a private key", regexp.MustCompile(`-----BEGIN [A-Z ]*PRIVATE KEY`)},
	{"a password", regexp.MustCompile(`(?i)(\bpass|passw(or)?d|passphrase|secret|token|api[_-]?key)\s*[=:]\s*[^\s$]\S{3,}`)},
	{"a password", regexp.MustCompile(`(?i)--?passw(or)?d\s+[^\s$-]\S{3,}`)},
	{"a bearer token", regexp.MustCompile(`(?i)\bbearer\s+[0-9a-z._~+/-]{16,}`)},
	{"a password in an address", regexp.MustCompile(`://[^/\s:@]+:[^/\s@$]+@`)},
}

// looksSecret names the credential that s seems to hold, or answers "".
func looksSecret(s string) string {
	for _, l := range secretLooks {
		if l.form.MatchString(s) {
			return l.what
		}
	}
	return ""
}
