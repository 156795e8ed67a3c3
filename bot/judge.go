package bot

import (
	"encoding/base64"
	"regexp"
	"slices"
	"strings"
	"unicode"
)

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

// judgeEnding is for dbpass=value; words of English may end so, too.
func judgeEnding(m []string, before string) verdict {
	if words := strings.Fields("bypass compass encompass surpass trespass overpass underpass"); slices.Contains(words, strings.ToLower(m[0])) || len(m) < 2 {
		return harmless
	}
	return judgeAssigned(m[1:], before)
}

// judgeSpacedP is for -p SECRET, which for most programs is a port, a path or a name.
func judgeSpacedP(m []string, before string) verdict {
	if strings.ContainsAny(m[0], "/:.-") || makesP.MatchString(before) {
		return harmless
	}
	return min(judgeBeside(m, before), doubtful)
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
	makesP  = form(`\b(?:mkdir|cp|ssh|ps|kill|docker|read|tar|journalctl|rsync)\b[^|;&]*$`)
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
