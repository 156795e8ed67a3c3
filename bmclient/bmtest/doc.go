// Package bmtest is Tencent Cloud's script APIs in memory, over HTTP, for tests and the demo: Bare Metal's 2.0 ([Server.URL]) and 3.0
// ([Server.URL3]), and TAT with CVM's look-up of machines ([Server.URLTAT]), with one state, so that what one starts the other lists.
//
// It answers the actions that run and read scripts, list them and tasks, and tell of machines ([Server.SetMachine]). It is strict where the
// documents are: the signature (by its own reading of them; it shares no code with the client), the nonce of 2.0, the time, what a key may
// do, the parameters and their types. What it refuses it explains: a wrong signature is answered with the text it would have signed, and
// with the usual mistake if one of them explains the difference.
//
// It is tolerant where the documents disagree: hosts of 2.0 come as instanceId.N or instanceIds.N, counted from 0 or 1 (but never both
// keys at once); [OnlyArrayKey] makes it as narrow as the real API may be. A page has at most 100 rows; the documents name no number.
//
// It fails on demand ([Server.FailNext], [Server.FailAlways]): every documented number or code, HTTP statuses, web pages, redirects, hanging,
// delays, answers cut short or too long, connections dropped before or after the script ran, messages that repeat what was sent.
//
// It keeps a history: [Server.Calls] has every request that arrived, [Server.Runs] every script that was really started. Wait for
// either with [Server.WaitCalls] and [Server.WaitRuns]; nothing here needs a sleep.
//
// # Tasks
//
// A script that is started makes a task with a row for each host; nothing is ever executed. A host runs as [Server.SetHost] says: how long it
// takes by the server's clock, or until [Server.EndHost] or [Server.EndTask]; with which exit code and output; or not at all, with a status
// above 0; or something else than what was sent. [Server.RunByHand] is a colleague who starts the same script at the same minute.
// [Server.SetListing] lists tasks late, out of order or twice.
//
// A wrong login is accepted with code 0, as the real API may do, and shows only as RanCmd.LoginOK and in the task, as the documented text of
// the host's agent with status 1; [CheckLogins] turns it into 18011 and 18012. A host that 3.0 does not know is in FailedTaskInfoSet, and
// the others run.
//
// # TAT
//
// TAT runs the content of the call, without a host's password; a host's behaviour says besides how long it waits, and with which status it
// ends. Scripts are in [HomeRegion], and machines unless [Machine] says otherwise. Ids begin as the documents have it: ins-, lhins-, rins-,
// cmd-, inv-, invt-; a task that another API began is there, too, under the id that [InvocationID] gives. Where no document says which it is,
// an option chooses: [ExactNames], [RecordFilled]. [MostASecond] is the rate that is allowed.
//
// In 2.0 fields have the types of the pages' samples, which is text for nearly every number; in 3.0 those of the vendor's own structs.
package bmtest
