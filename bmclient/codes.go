package bmclient

// again says whether and how a read may be sent once more.
type again int

const (
	againNever again = iota
	againOnce        // once: the clock may have been caught between two seconds, or corrected
	againFew         // twice at most
	againSoon        // with back-off, while attempts last
	againSlow        // with ten times the back-off
)

// code is what one documented number means. The names of 4000 to 6200 are ours, since their page has none.
type code struct {
	name, meaning string
	read          again
	run           Class // what it means as an answer to RunUserCmd
}

// codes holds every documented number: the common ones, those of the module, those of RunUserCmd. A number is what counts; its
// name differs from action to action (CmdNotExist is 18006, 18008, 18010 and 18014).
var codes = map[int]code{
	4000: {"InvalidParameter", "a parameter is missing or not valid", againNever, ClassRefused},
	4100: {"AuthFailure", "the signature or the identity was refused", againNever, ClassRefused},
	4101: {"UnauthorizedAction", "this sub-account may not use this action", againNever, ClassRefused},
	4102: {"UnauthorizedResource", "this sub-account may not use this resource", againNever, ClassRefused},
	4103: {"UnauthorizedActionResource", "the key may not use the resource of this action", againNever, ClassRefused},
	4104: {"SecretIdNotExist", "the key does not exist or is switched off", againNever, ClassRefused},
	4105: {"TokenError", "the token of the temporary key was refused", againNever, ClassRefused},
	4106: {"MFAFailure", "the multi-factor check failed", againNever, ClassRefused},
	4110: {"AuthorizationFailure", "access management refused the call", againNever, ClassRefused},
	4200: {"RequestExpired", "the request's time is too old", againOnce, ClassRefused},
	4300: {"AccessDenied", "the account is blocked, or the action is not open to it", againNever, ClassRefused},
	4400: {"QuotaExceeded", "too many calls in this minute", againSoon, ClassRefused},
	4500: {"Replay", "the API takes the call for a copy of an earlier one, or the clock is off", againSoon, ClassUnknown},
	4600: {"UnsupportedProtocol", "the API wants https", againNever, ClassRefused},
	5000: {"ResourceNotFound", "the resource does not exist, was returned, or is someone else's", againNever, ClassUnknown},
	5100: {"OperationFailed", "the operation failed at the resource", againFew, ClassUnknown},
	5200: {"PurchaseFailed", "a purchase failed", againNever, ClassUnknown},
	5300: {"NoBalance", "the balance is too low", againNever, ClassUnknown},
	5400: {"PartlySucceeded", "a part of the batch succeeded and a part failed", againNever, ClassUnknown},
	5500: {"NotQualified", "the account is not qualified for this purchase", againNever, ClassUnknown},
	6000: {"InternalError", "the API failed internally", againSoon, ClassUnknown},
	6100: {"UnsupportedAction", "the API does not know this version or action, or this is the wrong domain", againNever, ClassRefused},
	6200: {"Maintenance", "the action is under maintenance", againSlow, ClassRefused},

	9001:  {"InternalError.DbError", "the API's database failed", againSoon, ClassUnknown},
	9003:  {"InvalidParameter", "a parameter is not valid", againNever, ClassUnknown},
	9005:  {"InternalError.RbmqError", "the API's queue failed", againSoon, ClassUnknown},
	9008:  {"InternalError.TscRequestFail", "a service behind the API failed", againSoon, ClassUnknown},
	10001: {"InvalidParameter", "a parameter is not valid", againNever, ClassRefused},
	10008: {"InvalidAppId", "the account's app id is not valid", againNever, ClassUnknown},
	12002: {"OperationDenied.IncorrectInstanceStatus", "a host is in the wrong state", againNever, ClassUnknown},
	12006: {"OperationDenied.TsysAgentNotAlive", "the agent on a host does not answer", againNever, ClassUnknown},

	18001: {"InvalidCmdName", "the script's name is not valid", againNever, ClassUnknown},
	18002: {"InvalidOS", "the script's system is not valid", againNever, ClassUnknown},
	18003: {"InvalidCmdContent", "the script's content is not valid", againNever, ClassUnknown},
	18004: {"LimitCmdCount", "there are too many scripts", againNever, ClassUnknown},
	18005: {"InvalidCmdId", "the script's id is not valid", againNever, ClassFailed},
	18006: {"CmdNotExist", "the script does not exist", againNever, ClassUnknown},
	18007: {"InvalidCmdItem", "there is nothing to change", againNever, ClassUnknown},
	18008: {"CmdNotExist", "the script does not exist", againNever, ClassUnknown},
	18010: {"CmdNotExist", "the task does not exist", againNever, ClassUnknown},
	18011: {"InvalidUserName", "the user name on the hosts is not valid", againNever, ClassFailed},
	18012: {"InvalidPassword", "the password on the hosts is not valid", againNever, ClassFailed},
	18013: {"InvalidServer", "what was said of the hosts is not valid", againNever, ClassFailed},
	18014: {"CmdNotExist", "the script does not exist", againNever, ClassFailed},
	18015: {"InvalidServerIP", "a host's address is not valid", againNever, ClassFailed},
	18016: {"InvalidLoginType", "the kind of login is not valid", againNever, ClassFailed},
	18017: {"InvalidLoginKey", "the login's key is not valid", againNever, ClassFailed},
	18018: {"ServerNotExist", "a host does not exist", againNever, ClassFailed},
	18019: {"VPCNotExist", "a host's private network does not exist", againNever, ClassFailed},
	18021: {"OrderByInvalid", "the field to order by is not valid", againNever, ClassUnknown},
	18022: {"OrderTypeInvalid", "the order is not valid", againNever, ClassUnknown},
	18023: {"SubnetNotExist", "a host's subnet does not exist", againNever, ClassFailed},
}

// undocumented is what any other number means.
var undocumented = code{"", "the API gave an error number that is not documented", againNever, ClassUnknown}

func lookUp(number int) code {
	if c, ok := codes[number]; ok {
		return c
	}
	return undocumented
}

// classOf is the class of an answer to RunUserCmd. Where the message names a second number, the more doubtful of both counts.
func classOf(number, outer int) Class {
	class := lookUp(number).run
	if outer == 0 {
		return class
	}
	other := lookUp(outer).run
	switch {
	case class == ClassUnknown || other == ClassUnknown:
		return ClassUnknown
	case class == ClassFailed || other == ClassFailed:
		return ClassFailed
	}
	return ClassRefused
}

// meansNoScript lists the numbers that, on a read, say the script is not there.
func meansNoScript(number int) bool {
	switch number {
	case 5000, 18005, 18006, 18008, 18014:
		return true
	}
	return false
}

// noTask is the number that, on a read of a task, says it is not there.
const noTask = 18010
