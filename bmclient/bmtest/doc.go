// Package bmtest is Tencent Cloud Bare Metal's script API 2.0 in memory, over HTTP, for tests and the demo.
//
// It answers GetUserCmd and RunUserCmd and is strict where the documents are: the signature (by its own reading of them; it shares
// no code with the client), the nonce, the time, what a key may do, the parameters. What it refuses it explains: a wrong signature is
// answered with the text it would have signed, and with the usual mistake if one of them explains the difference.
//
// It is tolerant where the documents disagree: hosts come as instanceId.N or instanceIds.N, counted from 0 or 1 (but never both
// keys at once); [OnlyArrayKey] makes it as narrow as the real API may be.
//
// It fails on demand ([Server.FailNext], [Server.FailAlways]): every documented number, HTTP statuses, web pages, redirects, hanging,
// delays, answers cut short or too long, connections dropped before or after the script ran, messages that repeat what was sent.
//
// It keeps a history: [Server.Calls] has every request that arrived, [Server.Runs] every script that was really started. Wait for
// either with [Server.WaitCalls] and [Server.WaitRuns]; nothing here needs a sleep.
//
// A wrong login is accepted with code 0, as the real API may do, and shows only as RanCmd.LoginOK; [CheckLogins] turns it
// into 18011 and 18012. Starting a script is recorded, and nothing is ever executed.
package bmtest
