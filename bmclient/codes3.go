package bmclient

import "strings"

// code3 is what one documented code of API 3.0 means.
type code3 struct {
	meaning string
	read    again
	run     Class // what it means as an answer to RunUserCmd
}

// codes3 holds the codes common to all products, and those that the script actions are documented to give. A code that is not here
// counts as the nearest one above it: FailedOperation.TscAgentOffline is a FailedOperation. The package comment has the reasons.
var codes3 = map[string]code3{
	"AuthFailure":                       {"the signature or the identity was refused", againNever, ClassRefused},
	"AuthFailure.InvalidAuthorization":  {"the authorization header was refused", againNever, ClassRefused},
	"AuthFailure.InvalidSecretId":       {"the key is not one of this API's", againNever, ClassRefused},
	"AuthFailure.MFAFailure":            {"the multi-factor check failed", againNever, ClassRefused},
	"AuthFailure.SecretIdNotFound":      {"the key does not exist or is switched off", againNever, ClassRefused},
	"AuthFailure.SignatureExpire":       {"the request's time is too old, or not yet come", againOnce, ClassRefused},
	"AuthFailure.SignatureFailure":      {"the signature was refused", againNever, ClassRefused},
	"AuthFailure.TokenFailure":          {"the token of the temporary key was refused", againNever, ClassRefused},
	"AuthFailure.UnauthorizedOperation": {"the key may not do this", againNever, ClassRefused},
	"UnauthorizedOperation":             {"the key may not do this", againNever, ClassRefused},
	"OperationDenied":                   {"the operation was denied", againNever, ClassUnknown},

	"ActionOffline":            {"the vendor has taken this action down", againNever, ClassRefused},
	"InvalidAction":            {"the API does not know this action", againNever, ClassRefused},
	"InvalidRequest":           {"the API could not read the request", againNever, ClassRefused},
	"NoSuchProduct":            {"the API does not know this product", againNever, ClassRefused},
	"NoSuchVersion":            {"the API does not know this version", againNever, ClassRefused},
	"UnsupportedProtocol":      {"the API wants https", againNever, ClassRefused},
	"UnsupportedRegion":        {"the API does not serve this region", againNever, ClassRefused},
	"IpInBlacklist":            {"this machine's address is on a deny list", againNever, ClassRefused},
	"IpNotInWhitelist":         {"this machine's address is on no allow list", againNever, ClassRefused},
	"RequestLimitExceeded":     {"too many calls in this second", againSoon, ClassRefused},
	"RequestSizeLimitExceeded": {"the request is too large", againNever, ClassRefused},
	"DryRunOperation":          {"the request would have been good", againNever, ClassRefused},

	"InvalidParameter":      {"a parameter is not valid", againNever, ClassRefused},
	"InvalidParameterValue": {"a parameter's value is not valid", againNever, ClassRefused},
	"MissingParameter":      {"a parameter is missing", againNever, ClassRefused},
	"UnknownParameter":      {"a parameter is not known", againNever, ClassRefused},

	"UnsupportedOperation": {"the operation is not supported here", againNever, ClassFailed},

	"FailedOperation":                 {"the operation failed", againFew, ClassUnknown},
	"FailedOperation.TscAgentOffline": {"the agent on a host does not answer", againNever, ClassUnknown},
	"InternalError":                   {"the API failed internally", againSoon, ClassUnknown},
	"LimitExceeded":                   {"a quota is used up", againNever, ClassUnknown},
	"ResourceInUse":                   {"a resource is in use", againNever, ClassUnknown},
	"ResourceInUse.FlowBusy":          {"another operation on a host is under way", againFew, ClassUnknown},
	"ResourceInsufficient":            {"there are too few resources", againNever, ClassUnknown},
	"ResourceNotFound":                {"a resource does not exist, or is someone else's", againNever, ClassUnknown},
	"ResourceUnavailable":             {"a resource is not available", againNever, ClassUnknown},
	"ResponseSizeLimitExceeded":       {"the answer would have been too large", againNever, ClassUnknown},
	"ServiceUnavailable":              {"the API is not available for the moment", againSlow, ClassUnknown},
}

// undocumented3 is what any other code means.
var undocumented3 = code3{"the API gave an error code that is not documented", againNever, ClassUnknown}

// lookUp3 is the nearest code at or above this one, in the first of the tables that has it.
func lookUp3(code string, tables ...map[string]code3) code3 {
	for {
		for _, t := range tables {
			if c, ok := t[code]; ok {
				return c
			}
		}
		i := strings.LastIndexByte(code, '.')
		if i < 0 {
			return undocumented3
		}
		code = code[:i]
	}
}

// isCode reports whether a code is the given one or one below it.
func isCode(code, above string) bool { return code == above || strings.HasPrefix(code, above+".") }

// hint3 says what to do about a code. date is the HTTP date of the answer.
func (c *Client) hint3(action, code, date string) string {
	switch {
	case code == "AuthFailure.SignatureExpire":
		return c.clockHint(date)
	case isCode(code, "AuthFailure") && code != "AuthFailure.UnauthorizedOperation", code == "UnauthorizedOperation.InvalidToken":
		return "check the key id and secret this is signed with"
	case isCode(code, "UnauthorizedOperation"), isCode(code, "AuthFailure"):
		return "give this key the right to " + action
	case isCode(code, "RequestLimitExceeded"):
		return "wait a second"
	case code == "UnsupportedRegion":
		return "check the region"
	case code == "InvalidAction", code == "NoSuchProduct", code == "NoSuchVersion":
		return "check the endpoint"
	}
	return ""
}
