// Package bmclient is a signed client for what runs scripts on Tencent Cloud (Config.API): TAT, and Bare Metal in its versions 2.0 and
// 3.0. What may be asked of it reads the same for each:
//
//	send this script to these hosts     [Client.Run]
//	what became of it                   [Client.Tasks], [Client.Task], [Client.EachHost]; of a lost answer, [Client.Sent]
//	stop it                             [Client.Stop], TAT only
//	what scripts and machines are there [Client.Script], [Client.Scripts], [Client.Machines], [Client.FindMachines]
//
// It knows nothing of Slack, Redis or vaults. Its part for 2.0 uses the standard library only; the others are signed by the vendor's own
// client.
//
// It promises, for all:
//
//   - Run sends once. Nothing in it, and nothing in net/http or the vendor's client below it, sends a run a second time: not after a
//     break, not after a 5xx or a refusal for quota, not along a redirect.
//   - [ErrNotSent] is a proof. No byte of the request has left, and none will.
//   - What cannot be known is not guessed. An answer is accepted only as HTTP 200 with a whole JSON body that says success. Only
//     the errors that the documents allow are [ClassRefused] or [ClassFailed]; all else is [ClassUnknown], the zero value.
//   - No secret of a call, no URL and no body stands in an error or a log line, even when the API repeats them.
//   - TAT is sent the script itself, with nothing left to be filled in: nobody can change it on the way.
//   - A script is what the API sent, byte for byte, and so is a host's record of what it ran. An answer without content, or about another
//     script or task, is an error, never an empty one.
//
// # What an error means for a run
//
//	errors.Is(err, ErrNotSent)   nothing happened; the order may be given again. Its Class is ClassRefused too
//	ClassRefused                 the API refused before anything could run; the same order may be given again
//	ClassFailed                  documented for a run of Bare Metal: it did not run, and would fail again
//	ClassUnknown                 it may have run, on some hosts or all
//
// Where API 2.0 puts a module's number into the message, "(18018)…", that number is the Error's Number and the other its Outer, and the
// more doubtful of the two decides the class.
//
// # How an API is added
//
// Each is a dialect (dialect.go) in files of its own: v2.go, v3.go, and tat.go with tatstates.go, tatmachines.go and tatcodes.go. The dialect
// says what is called and how an answer is read; sending once, the gate, repeating reads, scrubbing, lists and their pages are shared, so a
// new one cannot get them wrong. They are files of one package and not packages: a dialect in its own would need some forty names of this
// one exported, which nobody else may use.
//
// What AWS SSM Run Command would take, as a measure of that:
//
//	sign          SigV4, by the vendor's signer, for a moment of ours, as sign3.go does it; region and service from the call
//	decode        JSON without an envelope; the error's __type as the code
//	judge         a table like tatcodes.go; InvalidInstanceId and InvalidDocument prove that nothing started
//	run           SendCommand with AWS-RunShellScript or AWS-RunPowerShellScript, the lines as parameters.commands, workingDirectory,
//	              executionTimeout; TimeoutSeconds is the time to begin, so late starts end by themselves; CommandId is the task
//	once          no client token either: the gate and the search by content, as for TAT
//	tasks, hosts  ListCommands, ListCommandInvocations; pages by NextToken, so [Page] would need a token beside its offset. They cut output at
//	              2,500 characters; GetCommandInvocation gives 24,000, a call for each host; OutputS3BucketName has all
//	hostOf        by StatusDetails. Pending, Delayed: waiting; InProgress, Cancelling: running; Success, Failed: ended; DeliveryTimedOut,
//	              Undeliverable, InvalidPlatform, AccessDenied: nothing ran; ExecutionTimedOut: killed; Cancelled, Terminated: not told
//	              which, so lost
//	sent          ListCommands by instance and InvokedAfter, Parameters compared: the line with the id is in them
//	stop          CancelCommand with InstanceIds
//	script        GetDocument of the account's own documents, a template in JSON or YAML: the steps' commands are the script
//	machines      DescribeInstanceInformation (agent: PingStatus), EC2 DescribeInstances (name, tags, state), as tatmachines.go joins CVM's
//	user          none: the agent is root, so a login would be a region and a key
//
// # TAT
//
//	one script, scripts   DescribeCommands (1340/52697…), the account's own
//	run                   RunCommand: content, type, timeout, directory and user; EnableParameter and SaveCommand off
//	task, hosts           DescribeInvocations, DescribeInvocationTasks with HideOutput off: it is on unless said. Tasks are followed, the
//	                      invocation only sums up
//	lost answer           DescribeInvocationTasks by host; the whole recorded content is compared
//	stop                  CancelInvocation, always with hosts: without any it stops all
//	machines              CVM DescribeInstances, TAT DescribeRegisterInstances and DescribeAutomationAgentStatus; of Lighthouse the agent only
//	times                 RFC 3339, UTC
//	quota                 20 a second for an action, 60 for agents
//
// Nothing is reported for a single host: one that is not fit has the whole call refused, which proves that nothing started. What each
// status of a host proves stands in tatstates.go, what each error proves in tatcodes.go.
//
// # What differs between 2.0 and 3.0
//
// It stays in v2.go and v3.go; who calls sees one kind of script, task and host.
//
//	                   2.0                                      3.0
//	signed by          code of ours (sign.go), HMAC over all    the vendor's client (sign3.go), TC3-HMAC-SHA256
//	sent as            form; reads by GET where set             JSON, always POST
//	against copies     a nonce, good once                       the time alone, good for 5 minutes
//	region             optional, bj or ap-beijing, as set       required; bj becomes ap-beijing
//	one script         GetUserCmd                               DescribeUserCmds with CmdId; the row of that id counts
//	lists              GetUserCmdList                           DescribeUserCmds with SearchKey
//	tasks, hosts       GetUserCmdTaskList, …TaskDetailList      DescribeUserCmdTasks, …TaskInfo
//	hosts of a run     instanceId.N or instanceIds.N            InstanceIds
//	no parameters      cmdParam= is sent and signed             CmdParam is left out
//	values with "@"    refused here, see below                  sent
//	not UTF-8          sent                                     refused here: JSON would alter it
//	numbers            text, nearly all                         numbers
//	                   (either is read from both)
//	times              "2017-10-19 19:29:35", without a zone: UTC+8
//	                   (RFC 3339 is read, too)
//	yes to a run       code 0, no more                          for each host: a task id, or why it was refused
//	the run's task     to be looked for in the list             CmdTaskId, where it is there; the page's sample has none
//	no such script     empty data, or one of five numbers       an empty list, or ResourceNotFound
//	rows of a task     name it                                  may name another; those of the page's sample do
//	no such task       18010                                    an empty list, or ResourceNotFound
//	errors             numbers: Error.Number                    words: Error.Code
//	quota              100 a minute for an action               10 a second for an action
//
// # What a code of 3.0 means for a run
//
// A code counts as the nearest one above it in the table: FailedOperation.TscAgentOffline is a FailedOperation.
//
//	refused   AuthFailure…, UnauthorizedOperation…          signature, key and rights are checked before the product is called
//	          ActionOffline, InvalidAction, InvalidRequest, the gateway knows no such thing, or does not pass it on
//	          NoSuchProduct, NoSuchVersion, UnsupportedProtocol, UnsupportedRegion, IpInBlacklist, IpNotInWhitelist
//	          RequestLimitExceeded…, RequestSizeLimit…      counted before the product is called
//	          InvalidParameter…, InvalidParameterValue…,    what 4000 and 10001 are in 2.0: the order itself cannot be taken. That
//	          MissingParameter, UnknownParameter            single hosts cannot has its place in FailedTaskInfoSet
//	          DryRunOperation                               says that nothing was done
//	failed    UnsupportedOperation…                         listed for RunUserCmd: what is asked for is not offered
//	unknown   FailedOperation…, InternalError…              say that something failed, not that nothing was started
//	          ResourceInUse…, with FlowBusy                 "retry later" may mean this host, after others began
//	          ResourceNotFound…, ResourceUnavailable…       may be one host of several
//	          ServiceUnavailable, LimitExceeded…,           may come from behind the gateway
//	          ResourceInsufficient, OperationDenied…
//	          ResponseSizeLimitExceeded                     comes after the work
//	          any other, any with HTTP 5xx, an error in the form of 2.0
//	          a success that names no host                  says nothing of what was done
//
// # Why the vendor's client signs and does not send
//
// The vendor's client follows redirects with a POST, as net/http does; it repeats what a profile tells it to; and its errors repeat the
// answer's body. So it gets a transport that keeps the signed request and answers for itself (collector in sign3.go), and what it
// signed goes out by the code that sends for 2.0. Its retries, its change of region and its log are switched off all the same. It takes no
// key but the one it is handed: not from the environment, not from a file.
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
// # What hosts say
//
// Output is any bytes and of any length; it is scrubbed of the secrets of the call that read it, and of nothing else. Contents, parameters and
// outputs come in base64; what is no padded base64 is taken as plain text, as an older version of the page has it, and marked as Plain. The
// reverse is not tried: a host's record is never taken as the text of its own base64, or a script whose text is the base64 of another would
// prove that the other is what was approved.
//
// # What it has not met
//
// No live endpoint was ever asked. On TAT, each of these has a test for either answer where the answer matters:
//
//   - the order of lists: all pages are read unless they come newest first
//   - whether instance-name and command-name match a part: who looks for one name compares
//   - whether an id that is not there has a look-up of machines refused: then each half is asked for by itself
//   - whether a machine's name or tags are left out where it has none, or where the key may not read them: then they are not told
//   - whether a run's entry names its command after that is deleted: it is not needed
//   - whether an id that is not there is an empty set or ResourceNotFound
//   - whether the record has the content before or after what is filled in: nothing is left to be filled in
//   - how long ids are, how InvocationSource is spelled, whether CommandName is kept of an unsaved run: none is relied on
//   - whether CancelInvocation without hosts stops all: it is never called without
//   - whether a host that has ended has it refused for all: then each half is stopped by itself
//   - how long records are kept, and how many runs may go on at once
//   - whether an agent may be given one task twice: its host would then have run it twice
//   - whether UnauthorizedOperation.NeedApproval may start a run later: it counts as unknown
//   - whether a run without a directory is recorded with the one it was given: what was left to the cloud is not compared
//
// On Bare Metal, inferred from documents are: which array key 2.0 takes (Config.ArrayKey); what is answered for a
// script or a task that does not exist; that times are in UTC+8, in 3.0 too; that CmdTaskId is what DescribeUserCmdTaskInfo wants; that a
// page may have 100 rows (EachHost asks for 20 where that is refused); that the filter CmdId is exact (a row of another id is not taken);
// that statuses above 0 are errors of the host ([HostFailed]) and that a wrong login shows as the one documented text ([HostRun.BadLogin]);
// and for which codes of 3.0 nothing was started.
package bmclient
