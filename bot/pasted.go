package bot

import (
	"regexp"
	"strings"
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
	anyKey = `(?:api|secret|access|priv(?:ate)?|auth|encrypt(?:ion)?|sign(?:ing)?|account|master|shared|storage|license|service|client)[\s_-]?key(?:[_-]?secret)?`
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
	{"a Google token", regexp.MustCompile(`\bya29\.[0-9A-Za-z_-]{16,}`), nil},
	{"a Docker token", regexp.MustCompile(`\bdckr_[a-z]+_[0-9A-Za-z_-]{16,}`), nil},
	{"a DigitalOcean token", regexp.MustCompile(`\bdo[a-z]_v1_[0-9a-f]{16,}`), nil},
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
	{"a password", form(`\b([\w.-]*(?:pass|pw|creds?))=` + value), judgeEnding},
	{"a password", form(`\b` + named + `\s*(?:是|为|為)\s*` + value), judgeTold},
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
	{"a password", form(`(?:^|\s)-p\s+` + value), judgeSpacedP},
	{"a password", form(`\bhtpasswd\b.*?\s-[a-z]*b[a-z]*\s+\S+\s+\S+\s+` + value), unlessHole(certain)},
	{"a password", form(`\buser(?:add|mod)\b.*?\s-p\s*` + value), unlessHole(certain)},
	{"a password", form(`\b(?:sqlplus|sqlldr|rman|expdp|impdp)\b.*?\s[\w.]+/([^\s/@]+)@`), unlessHole(certain)},
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
