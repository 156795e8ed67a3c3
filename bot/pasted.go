package bot

import (
	"encoding/base64"
	"regexp"
	"strings"
	"unicode"
)

// verdict is how sure it is that somebody pasted a credential.
type verdict int

const (
	harmless verdict = iota
	doubtful         // the one who typed it is asked
	certain          // it is refused
)

// find is the first credential that a text seems to hold, the most certain one first.
type find struct {
	verdict verdict
	what    string // "a password"
	text    string // where, for the eyes of the one who typed it
}

// What the names of credentials end with. What stands before it does not count
// (MYSQL_PASSWORD), what stands behind it does (password_file is none).
const (
	anyKey = `(?:api|secret|access|private|auth|encrypt(?:ion)?|sign(?:ing)?|account|master|shared|storage|license|service|client)[\s_-]?key(?:[_-]?secret)?`
	named  = `[\w.-]*?(?:passw(?:or)?d|passphrase|passcode|pwd|secret|token|credentials?|authorization|rediscli_auth|` + anyKey + `)`
	brief  = `(?:[\w.-]*[_.-])?(?:pass|pw|psk|pin|otp)`
	weak   = `(?:[\w.-]*[_.-])?(?:key|auth|cookie|session(?:[_-]?id)?|sid|signature|sig)`
	abroad = `密码|密碼|口令|密钥|密鑰|秘钥|令牌|パスワード|비밀번호|пароль|passwort|kennwort|contraseña|senha|mot de passe`
	value  = `(\\?"[^"]*"?|\\?'[^']*'?|\S+)`
	joiner = `(?:\\?["'])?\s*\\?(?:=>|:=|={1,2}|:)`
)

func form(s string) *regexp.Regexp { return regexp.MustCompile(`(?i)` + s) }

// credentialKinds are the forms of credentials that people paste by mistake. judge
// gets the groups of a match and some of the text before it; without it a match is
// certain.
var credentialKinds = []struct {
	what  string
	form  *regexp.Regexp
	judge func(m []string, before string) verdict
}{
	// Their own form tells: nothing else looks like this.
	{"a Slack token", regexp.MustCompile(`\bx(?:ox[a-z]|app)-[0-9A-Za-z-]{8,}`), nil},
	{"a Slack webhook", form(`hooks\.slack\.com/(?:services|workflows|triggers)/\w+/\w+`), nil},
	{"a Tencent Cloud key id", regexp.MustCompile(`\bAKID[0-9A-Za-z]{12,}`), nil},
	{"an AWS key id", regexp.MustCompile(`\bA(?:KIA|SIA)[0-9A-Z]{12,}`), nil},
	{"an Alibaba Cloud key id", regexp.MustCompile(`\bLTAI[0-9A-Za-z]{12,}`), nil},
	{"a Google key", regexp.MustCompile(`\bAIza[0-9A-Za-z_-]{30,}`), nil},
	{"a GitHub token", regexp.MustCompile(`\b(?:gh[pousr]_|github_pat_)[0-9A-Za-z_]{20,}`), nil},
	{"a GitLab token", regexp.MustCompile(`\bgl[a-z]{2,4}-[0-9A-Za-z_-]{16,}`), nil},
	{"an age key", form(`\bage-secret-key-1[0-9a-z]{8,}`), nil},
	{"a SendGrid key", regexp.MustCompile(`\bSG\.[0-9A-Za-z_-]{16,}\.[0-9A-Za-z_-]{16,}`), nil},
	{"a Telegram token", regexp.MustCompile(`\b[0-9]{8,10}:[0-9A-Za-z_-]{30,}`), nil},
	{"an npm or PyPI token", regexp.MustCompile(`\b(?:npm_|pypi-)[0-9A-Za-z_-]{30,}`), nil},
	{"an API key", regexp.MustCompile(`\b(?:sk|rk)[-_](?:[a-z]+[-_])*[0-9A-Za-z_-]{20,}`), nil},
	{"a vault token", regexp.MustCompile(`\bhv[sbr]\.[0-9A-Za-z_-]{20,}|\bs\.[0-9A-Za-z]{24}\b`), nil},
	{"a signed token (JWT)", regexp.MustCompile(`\beyJ[0-9A-Za-z_-]{8,}\.[0-9A-Za-z_-]{8,}\.`), nil},
	{"a private key", form(`-----BEGIN [A-Z0-9 ]*PRIVATE KEY|PuTTY-User-Key-File`), nil},

	// Addresses and headers that carry one.
	{"a password in an address", form(`[a-z][a-z0-9+.-]*://[^/\s:@]*:([^\s/@]+)@`), unlessHole(certain)},
	{"a password in an address", form(`\b[\w.-]+:([^\s/@]+)@(?:tcp|unix)\(`), unlessHole(certain)},
	{"a token in an address", form(`://([^/\s:@]{12,})@`), whereRandom(certain, harmless)},
	{"a login", form(`\b[a-z][\w.-]*:([^\s/@:]{4,})@[\w.-]+`), unlessHole(doubtful)},
	{"a bearer token", form(`\bbearer\s+` + value), whereRandom(certain, doubtful)},
	{"a login header", form(`\bauthorization` + joiner + `?\s*["']?(?:basic|bearer|token|digest|negotiate|apikey)\s+` + value), judgeHeader},
	{"a login", form(`\bbasic\s+([0-9a-z+/]{6,}={0,2})`), judgeBasic},

	// A name and its value.
	{"a password", form(`\b(?:` + named + `|` + brief + `)(?:\\?["']\s*(?:=>|:=|=|:)\s*|\s*\\?(?:=>|:=|={1,2})\s*|:)` + value), judgeAssigned},
	{"a password", regexp.MustCompile(`[a-z0-9]Pass(?:=|:)` + value), judgeAssigned},
	{"a password", form(`\b(?:` + named + `|` + brief + `)s?\s*:\s+` + value), judgeTold},
	{"a password", form(`<(?:` + named + `|` + brief + `)>([^<]+)</`), unlessHole(certain)},
	{"a password", form(`--?(?:` + named + `|` + brief + `)\s+\\?\s*` + value), judgeOption},
	{"a password", form(`\b(?:requirepass|masterauth)\s+` + value), judgeOption},
	{"a password", form(`\b` + named + `(?:'s|\s+(?:is|was|are|to)\s*:?)\s+` + value), judgeTold},
	{"a password", form(`\b` + named + `["']?\s+["']([^"']{3,})["']`), judgeTold},
	{"a password", form(`\b(?:` + named + `|pw)s?["')]?(?:\s+(?:->|→|[-–—(])?|\s*(?:->|→))\s*` + value), judgeBeside},
	{"a login", form(`\b(?:creds?|logins?|user|account)[:=]?\s+[\w.-]+\s*[:/]\s*(\S{4,})`), judgeLogin},
	{"a key or session", form(`\b` + weak + joiner + `\s*` + value), whereRandom(doubtful, harmless)},
	{"a key or session", form(`\b` + weak + `\s+([0-9a-z+/=_-]{20,})`), whereRandom(doubtful, harmless)},
	{"a password", form(`(?:` + abroad + `)\s*(?:=|:|是|为|is|ist)?\s*` + value), judgeTold},

	// Options and words of programs that take one.
	{"a login", form(`(?:^|\s)(?:-[a-z]{0,3}u\s*|--(?:proxy-)?(?:user|auth)[\s=]\s*)["']?([^\s:"']+):([^\s"']+)`), judgeUser},
	{"a password", form(`(?:^|\s)-p([^\s]{3,})`), judgeJoinedP},
	{"a password", form(`\b(?:mysql\w*|mariadb\w*)\b.*?\s-p\s+` + value), judgeBeside},
	{"a bearer token", form(`--oauth2-bearer\s+` + value), judgeOption},
	{"a password", form(`\b(?:sshpass|docker\s+login|mongo\w*)\b.*?\s-p\s*` + value), unlessHole(certain)},
	{"a password", form(`\bredis-cli\b.*?\s-a\s*` + value), unlessHole(certain)},
	{"a password", form(`\bldap\w+\b.*?\s-w\s*` + value), unlessHole(certain)},
	{"a password", form(`\b(?:smbclient|rpcclient|net)\b.*?\s-U\s*[^\s%]+%` + value), unlessHole(certain)},
	{"a password", form(`\bidentified\s+(?:with\s+\S+\s+)?(?:by|as)\s+(?:password\s+)?['"]([^'"]+)`), unlessHole(certain)},
	{"a password", form(`\bpassword\s*\(\s*['"]([^'"]+)`), unlessHole(certain)},
	{"a password", form(`\bchpasswd\b.*?[a-z_][\w-]*:([^\s"']{3,})|[a-z_][\w-]*:([^\s"']{3,})["']?\s*\|\s*(?:\S+\s+)?chpasswd`), unlessHole(certain)},

	{"a credential", regexp.MustCompile(`\b([0-9A-Za-z]{32,})\b`), judgeBare},
}

// lookBehind is how far before a match its program is looked for, in bytes.
const lookBehind = 256

// looksSecret is the credential that s seems to hold.
func looksSecret(s string) find {
	s = percent.Replace(strings.Map(foldWidth, s))
	var best find
	for _, k := range credentialKinds {
		for _, at := range k.form.FindAllStringSubmatchIndex(s, -1) {
			v := certain
			if k.judge != nil {
				v = k.judge(groups(s, at), s[max(0, at[0]-lookBehind):at[0]])
			}
			if v > best.verdict {
				best = find{v, k.what, cut(strings.TrimSpace(s[at[0]:at[1]]))}
			}
		}
		if best.verdict == certain {
			break
		}
	}
	return best
}

// groups are the matched groups of at that took part, without the quotes around them.
func groups(s string, at []int) []string {
	var out []string
	for i := 2; i < len(at); i += 2 {
		if at[i] >= 0 {
			out = append(out, bare(s[at[i]:at[i+1]]))
		}
	}
	return out
}

// foldWidth makes the wide letters of a Chinese keyboard plain, and drops what
// nobody sees.
func foldWidth(r rune) rune {
	switch {
	case r >= '！' && r <= '～':
		return r - '！' + '!'
	case r == '\u3000', r == '\u00a0':
		return ' '
	case isInvisible(r):
		return -1
	}
	return r
}

// percent undoes what addresses make of the signs between a name and its value.
var percent = strings.NewReplacer("%3D", "=", "%3d", "=", "%3A", ":", "%3a", ":", "%20", " ", "%22", `"`)

// bare is a value without quotes and without what ends a clause behind it.
func bare(v string) string {
	v = strings.TrimPrefix(v, `\`)
	if v != "" && strings.ContainsRune(`"'`, rune(v[0])) {
		return strings.TrimRight(v[1:], `"'\`)
	}
	return strings.TrimRight(v, `,.;:)}]"'\`)
}

// unlessHole is v, but for what a person or a shell is to fill in.
func unlessHole(v verdict) func([]string, string) verdict {
	return func(m []string, _ string) verdict {
		if isFilledIn(m[0]) {
			return harmless
		}
		return v
	}
}

// whereRandom is v for what no person made up, else otherwise.
func whereRandom(v, otherwise verdict) func([]string, string) verdict {
	return func(m []string, _ string) verdict {
		switch {
		case isFilledIn(m[0]), isPath(m[0]):
			return harmless
		case len(m[0]) >= 12 && isRandom(m[0]):
			return v
		case len(m[0]) >= 12 && !isProse(m[0]):
			return otherwise
		}
		return harmless
	}
}

func judgeHeader(m []string, _ string) verdict {
	switch v := m[0]; {
	case isFilledIn(v), isProse(v):
		return harmless
	case len(v) < 8 && !isRandom(v):
		return doubtful
	}
	return certain
}

// judgeBasic takes only what is a user and a password once decoded.
func judgeBasic(m []string, _ string) verdict {
	raw, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(m[0], "="))
	if err != nil || strings.IndexByte(string(raw), ':') < 0 || strings.ContainsFunc(string(raw), unicode.IsControl) {
		return harmless
	}
	return certain
}

// judgeAssigned is for name=value: nobody writes prose like this.
func judgeAssigned(m []string, _ string) verdict {
	v := m[0]
	switch {
	case isFilledIn(v), isPath(v), isConstant(v):
		return harmless
	case len(v) < 4, isProse(v):
		return doubtful
	}
	return certain
}

// judgeTold is for "name: value" and "name is value": in prose, too.
func judgeTold(m []string, _ string) verdict {
	v := m[0]
	switch {
	case isFilledIn(v), isPath(v), isConstant(v), isProse(v), strings.IndexFunc(v, isASCIILetterOrDigit) < 0:
		return harmless
	case len(v) >= 16 && isRandom(v):
		return certain
	}
	return doubtful
}

// judgeOption is for --name value.
func judgeOption(m []string, before string) verdict {
	if v := m[0]; strings.HasPrefix(v, "-") {
		return harmless
	} else if len(v) >= 6 && isRandom(v) && !isFilledIn(v) && !isPath(v) {
		return certain
	}
	return judgeTold(m, before)
}

// judgeBeside is for a value that only stands behind a name: it must look the part.
func judgeBeside(m []string, _ string) verdict {
	v := m[0]
	switch {
	case isFilledIn(v), isPath(v), strings.HasPrefix(v, "-"), !isRandom(v), len(v) < 6:
		return harmless
	case len(v) >= 16:
		return certain
	}
	return doubtful
}

// judgeUser is for -u user:password, which for other programs is a user and a group.
func judgeUser(m []string, before string) verdict {
	switch {
	case isFilledIn(m[1]), isDigits(m[0]) && isDigits(m[1]):
		return harmless
	case isRandom(m[1]), fetches.MatchString(before):
		return certain
	}
	return doubtful
}

// judgeLogin is for "login user:password", which may be a place, too.
func judgeLogin(m []string, before string) verdict { return min(judgeBeside(m, before), doubtful) }

// judgeJoinedP is for -pSECRET of mysql; for others it is a port, a path or a word.
func judgeJoinedP(m []string, before string) verdict {
	v := m[0]
	switch {
	case isFilledIn(v):
		return harmless
	case takesP.MatchString(before):
		return certain
	case strings.Trim(v, "0123456789:/.") == "", wordy.MatchString(v), isPath(v):
		return harmless
	}
	return doubtful
}

// judgeBare is for what stands alone: the form of secret keys, of which none else is
// known but that they are long and mixed.
func judgeBare(m []string, _ string) verdict {
	v := m[0]
	digits := 0
	for _, r := range v {
		if unicode.IsDigit(r) {
			digits++
		}
	}
	if digits >= 3 && v != strings.ToLower(v) && v != strings.ToUpper(v) {
		return doubtful
	}
	return harmless
}

var (
	fetches = form(`\b(?:curl|wget|http|https|xh|lftp)\b[^|;&]*$`)
	takesP  = form(`\b(?:mysql\w*|mariadb\w*|sshpass|7z\w*|unzip)\b[^|;&]*$`)
	wordy   = regexp.MustCompile(`^[a-z][a-z-]*(?:=.*)?$`)

	filledIn = regexp.MustCompile(`^(?:\$(?:[A-Za-z_]\w*|[0-9@*#]|\{[^}]*\}?|\(.*)|\$\{?\w+\}?/.*|%\w+%|\{\{.*|\{\w*\}?|<[^>]*>?|‹.*|\[[^]]*\]?|@[\w-]*[/.][/.\w-]*|[*•xX.…_-]{3,}|` + "`.*)$")
	constant = form(`^(?:true|false|yes|no|none|null|nil|on|off|empty|unset|redacted|hidden|[0-9]{1,2})$`)
	path     = regexp.MustCompile(`^(?:~|\.{1,2})?/[\w./~-]*$|^file:`)
	// The words that follow "password:" where people tell what is wrong with one.
	prose = form(`^(?:a|an|the|and|or|as|at|by|for|from|in|into|of|on|to|with|is|are|was|were|has|have|had|be|been|being|it|its|this|that|we|i|you|` +
		`not?|none|never|cannot|can|could|may|must|should|will|would|does|did|do|please|see|use|using|used|via|when|which|who|why|how|` +
		`auth|authentication|authorization|basic|bearer|login|access|signature|user|users|error|errors|failure|fail|fails|failed|failing|` +
		`invalid|wrong|bad|incorrect|mismatch|missing|absent|unknown|unset|undefined|empty|expired|expires|expiring|expiry|revoked|revocation|` +
		`rejected|refused|denied|forbidden|unauthorized|changed|rotated|rotation|rotate|renewed|renew|refreshed|refresh|reset|removed|deleted|` +
		`leaked|exposed|required|needed|requested|supplied|provided|found|stored|cached|locked|stale|old|new|ok|okay|good|valid|too|still|` +
		`timeout|timed|limit|quota|check|checks|checked|hash|hashes|rate|server|service|client|host|from-env|restart|again|now|only|twice|unchanged|works|working|broken)$`)
)

// isFilledIn reports whether v is to be filled in, by a person or a shell. What is in
// brackets and random is more likely a value that begins with one.
func isFilledIn(v string) bool {
	return v == "" || filledIn.MatchString(v) && !(strings.ContainsAny(v[:1], "<[{@") && isRandom(v[1:]) && !strings.HasPrefix(v, "{{"))
}

func isConstant(v string) bool { return constant.MatchString(v) }

// isPath tells a file from a value that has a slash in it.
func isPath(v string) bool {
	return path.MatchString(v) && (len(v) < 24 || strings.Count(v, "/") >= len(v)/16)
}

// isProse reports whether v is a word that people say of a password.
func isProse(v string) bool { return prose.MatchString(v) }

func isDigits(v string) bool { return strings.Trim(v, "0123456789") == "" }

func isASCIILetterOrDigit(r rune) bool {
	return r < unicode.MaxASCII && (unicode.IsLetter(r) || unicode.IsDigit(r))
}

// isRandom reports whether v looks like what no person says: letters and digits
// mixed, capitals inside, or signs.
func isRandom(v string) bool {
	letters, digits, inner, signs := false, false, false, false
	last := ' '
	for _, r := range v {
		switch {
		case unicode.IsDigit(r):
			digits = true
		case unicode.IsUpper(r):
			letters = true
			inner = inner || unicode.IsLower(last)
		case unicode.IsLetter(r):
			letters = true
		case strings.ContainsRune("!@#$%^&*+=?~", r):
			signs = true
		}
		last = r
	}
	return letters && (digits || signs || inner)
}
