// Package bmclient is a signed client for the script API of Tencent Cloud Bare Metal, version 2.0: GetUserCmd ([Client.Script]) and
// RunUserCmd ([Client.Run]). It knows nothing of Slack, Redis or vaults, and uses the standard library only.
//
// It promises:
//
//   - Run sends once. Nothing in it, and nothing in net/http below it, sends RunUserCmd a second time: not after a break, not after a
//     5xx, not along a redirect.
//   - [ErrNotSent] is a proof. No byte of the request has left, and none will.
//   - What cannot be known is not guessed. An answer is accepted only as HTTP 200 with a whole JSON body whose code is 0. Only
//     the numbers that the documents allow are [ClassRefused] or [ClassFailed]; all else is [ClassUnknown], the zero value.
//   - No secret of a call, no URL and no body stands in an error or a log line, even when the API repeats them.
//   - A script is what the API sent, byte for byte. An answer without content, or about another script, is an error, never an
//     empty script.
//
// # What an error means for a run
//
//	errors.Is(err, ErrNotSent)   nothing happened; the order may be given again. Its Class is ClassRefused too
//	ClassRefused                 the API refused before anything could run; the same order may be given again
//	ClassFailed                  18xxx documented for RunUserCmd: it did not run, and would fail again
//	ClassUnknown                 it may have run, on some hosts or all
//
// Where the API puts a module's number into the message, "(18018)…", that number is the Error's Number and the other its Outer, and the
// more doubtful of the two decides the class.
//
// # Why a run has a connection of its own
//
// net/http sends a request again, unasked, when a kept connection breaks and it takes the request for repeatable. So each run has a
// transport that is used once and keeps nothing, and a request body that cannot be rewound; and the transport is used without
// http.Client, whose redirects may repeat a POST and whose errors hold the URL. Between the transport and the connection stands a gate
// (send.go). The first byte opens it for good; after a fault the client seals it, and if that succeeds nothing had passed and nothing can
// pass any more, although goroutines of net/http may still hold the request. The gate stands above TLS: a handshake that fails, a
// certificate that is refused, has carried nothing of the request.
//
// Reads share kept connections. They too cannot be repeated by net/http, because each send must have a nonce of its own: they are
// signed again for each attempt.
//
// # Why reads are repeated and how often
//
// A read changes nothing. Faults of the network, 5xx, web pages, 408 and 429, and the numbers that pass (4400, 4500, 6000, 9001, 9005, 9008;
// 6200 with ten times the pause; 5100 twice, 4200 once) are tried again, with a doubling pause and jitter, never beyond the caller's
// context. When the attempts or the time are used up, the API's last word is the error.
//
// # Why a proxy from the environment is honoured
//
// Where the way out is a proxy (HTTPS_PROXY, NO_PROXY), there is no other. TLS goes through it to the API, so it sees a host name only.
// Plain http is for loopback addresses, which the environment's proxy never gets. Through a proxy less can be proved: the CONNECT counts
// as sent.
//
// # Why it refuses some values
//
// The vendor's clients leave a value that begins with "@" out of the text they sign for a POST, and send it all the same; what the server does
// is not documented. Such a password is refused ([ErrBadPassword]), as is any other such value, before anything is sent.
//
// # What rests on inference
//
// No live endpoint was ever asked. Which array key the API takes (Config.ArrayKey), what it answers for a script that does not exist
// (empty data, or one of five numbers: all are [ErrNoScript]), and that times are in UTC+8, are inferred from documents. A content that is no
// padded base64 is taken as plain text, as an older version of the page has it, and marked as Script.Plain.
package bmclient
