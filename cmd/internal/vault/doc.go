// Package vault turns references into secrets.
//
// The config of bmcmd holds no credential, only references to them: a [Ref]
// says where a secret is, a [Resolver] reads it, and a [Secret] holds it so
// that it cannot be printed by accident. [Resolver.Scrub] takes values out of
// texts that others wrote.
//
//	ref+vault://secret/bm#/secret_key            newest version, KV version 2
//	ref+vault://secret/bm?version=3#/secret_key
//	ref+vault://secret/bm#/login/password        a field inside a field
//	ref+file:///run/secrets/token                the whole file, without one line end at its end
//	ref+env://NAME
//
// It is a strict subset of what helmfile/vals reads. The first segment is the
// mount, unless [Config.Mounts] lists mounts. Segments are letters, digits and
// the punctuation that stands for itself in a URL's path; "data/" after the
// mount is refused, since KV version 2 has it only in its HTTP API. A string
// that does not begin with ref+ is refused without being printed.
//
// # What it promises
//
// No value is in an error, a log line, or anything that fmt, log/slog or an
// encoder prints. Errors name the reference and say what to do. They repeat
// nothing that a server, a file or a variable said.
//
// A caller waits at most for its own context and [Config.Timeout].
//
// The vault's token goes to [Config.Address] and nowhere else: redirects are
// not followed, proxies and the variables VAULT_* and BAO_* are not looked at,
// plain http is for loopback only. A reference can choose neither server nor
// namespace nor login.
//
// # Why blanks at the ends are refused
//
// A line end or a blank that came along with a copied token is not seen, and what takes
// the token says no more than that it is wrong, or breaks off. So a value from any
// source that begins or ends with white space, a control character or a mark that is not
// seen is refused, and the error says which, and at which end. Nothing is trimmed but
// one line end at the end of a file, since editors and echo put it there. Inside a value
// all stays.
//
// # Why the cache and the second try are as they are
//
// The token is read again at each login, since an agent or a person rewrites
// its file; this package renews nothing. A 403 means a login and exactly one
// more try, because an expired token looks like a missing right. A 403 or 404
// after that is an answer, and drops what was cached: a right that was taken
// away is away. Anything else (no connection, 5xx, sealed, 429, a page of some
// proxy) is an outage. Then a value not older than CacheFor+ServeStaleFor is
// served, with a warning in the log, and for two seconds the vault is not
// asked again for that path. [Resolver.Forget] is stronger than all of these:
// a forgotten value is never served again, not even stale.
//
// # What Scrub finds
//
// Every value that the Resolver has handed out and every vault token it has
// used, of 6 bytes or more: raw; in a URL's path or query; in JSON; quoted
// by Go or a shell; with the characters of Slack and HTML escaped; with few or
// all of its bytes escaped. In hex, either case. In base64 of either alphabet, with or
// without padding, also broken into lines or escaped, and also inside the
// base64 of something longer at any of the three alignments: then the two
// characters it shares with its neighbours go as well.
//
// A value of fewer than 6 bytes is replaced only raw and standing alone (no
// letter, digit or underscore beside it). In other forms it is too short to be
// told from chance; a secret should not be that short.
//
// It does not find a value that was cut, reversed, compressed, hashed or
// encoded twice; nor can it hide one that is part of the word "[secret]".
// Scrub before cutting. On two busy cores 64 KiB of log and ten values take
// about 0.3 ms and no allocation when nothing is found; text made to be slow
// (nothing but %2F) takes some 10 ms.
//
// # Why openbao's client
//
// It is small, kept, and works the same against Vault. It is used with its
// environment, retries and redirects switched off, over an HTTP client of our
// own that reads at most 1 MiB of an answer.
package vault
