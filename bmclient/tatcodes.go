package bmclient

// codesTAT holds the codes that TAT's actions are documented to give, where they say more than those of API 3.0, or prove something
// else: a run is checked as a whole before anything is started, so what is said of its parameters, of one host or of a resource by its
// name proves that nothing was. A code that is not here counts as the nearest one above it, here and then in codes3.
var codesTAT = map[string]code3{
	"FailedOperation.CVMError":        {"the service behind virtual machines failed", againFew, ClassUnknown},
	"FailedOperation.LighthouseError": {"the service behind Lighthouse failed", againFew, ClassUnknown},

	"InvalidParameter.ConflictParameter":       {"two parameters exclude each other", againNever, ClassRefused},
	"InvalidParameter.InvalidUsername":         {"the user is not one that a script can run as", againNever, ClassRefused},
	"InvalidParameter.ParameterNameDuplicated": {"a parameter's name is given twice", againNever, ClassRefused},

	"InvalidParameterValue.AgentUnsupportedCommandType":            {"a host cannot run scripts of this type", againNever, ClassRefused},
	"InvalidParameterValue.CommandContentInvalid":                  {"the script is not one that can be run", againNever, ClassRefused},
	"InvalidParameterValue.CommandNameDuplicated":                  {"another script has this name", againNever, ClassRefused},
	"InvalidParameterValue.InconsistentInstance":                   {"the hosts are of different kinds", againNever, ClassRefused},
	"InvalidParameterValue.InstanceIsNotRelatedToInvocation":       {"a host does not belong to this run", againNever, ClassRefused},
	"InvalidParameterValue.InvalidCommandId":                       {"the script's id is not one", againNever, ClassRefused},
	"InvalidParameterValue.InvalidCommandName":                     {"the script's name is not one", againNever, ClassRefused},
	"InvalidParameterValue.InvalidContent":                         {"the script is not base64", againNever, ClassRefused},
	"InvalidParameterValue.InvalidFilter":                          {"a filter is not one", againNever, ClassRefused},
	"InvalidParameterValue.InvalidInstanceId":                      {"a host's id is not one", againNever, ClassRefused},
	"InvalidParameterValue.InvalidInvocationId":                    {"the run's id is not one", againNever, ClassRefused},
	"InvalidParameterValue.InvalidInvocationTaskId":                {"the id of a host's run is not one", againNever, ClassRefused},
	"InvalidParameterValue.InvalidOutputCOSBucketUrl":              {"the bucket for the output is not one", againNever, ClassRefused},
	"InvalidParameterValue.InvalidOutputCOSKeyPrefix":              {"the prefix for the output is not one", againNever, ClassRefused},
	"InvalidParameterValue.InvalidUsername":                        {"the user is not one that a script can run as", againNever, ClassRefused},
	"InvalidParameterValue.InvalidWorkingDirectory":                {"the directory is not one", againNever, ClassRefused},
	"InvalidParameterValue.LackOfParameterInfo":                    {"parameters are not described", againNever, ClassRefused},
	"InvalidParameterValue.LackOfParameters":                       {"parameters are missing", againNever, ClassRefused},
	"InvalidParameterValue.LimitExceeded":                          {"there are more values than the API takes", againNever, ClassRefused},
	"InvalidParameterValue.ParameterDisabled":                      {"parameters are switched off for this script", againNever, ClassRefused},
	"InvalidParameterValue.ParameterInvalidJsonFormat":             {"the parameters are not JSON", againNever, ClassRefused},
	"InvalidParameterValue.ParameterKeyContainsInvalidChar":        {"a parameter's name holds a character that it may not", againNever, ClassRefused},
	"InvalidParameterValue.ParameterKeyDuplicated":                 {"a parameter's name is given twice", againNever, ClassRefused},
	"InvalidParameterValue.ParameterKeyLenExceeded":                {"a parameter's name is too long", againNever, ClassRefused},
	"InvalidParameterValue.ParameterNumberExceeded":                {"there are too many parameters", againNever, ClassRefused},
	"InvalidParameterValue.ParameterValueNotString":                {"a parameter's value is not text", againNever, ClassRefused},
	"InvalidParameterValue.Range":                                  {"a value is out of its range", againNever, ClassRefused},
	"InvalidParameterValue.SupportParametersOnlyIfEnableParameter": {"parameters are switched off for this script", againNever, ClassRefused},
	"InvalidParameterValue.TooLong":                                {"a value is too long", againNever, ClassRefused},

	"LimitExceeded.FilterValueExceeded": {"a filter has too many values", againNever, ClassRefused},
	"OperationDenied":                   {"the operation was denied", againNever, ClassRefused},

	"ResourceNotFound":                                     {"a resource does not exist, or is someone else's", againNever, ClassRefused},
	"ResourceNotFound.CommandNotFound":                     {"the script does not exist", againNever, ClassRefused},
	"ResourceNotFound.CosBucketNotFoundCode":               {"there is no such bucket for the output", againNever, ClassRefused},
	"ResourceNotFound.InstanceNotFound":                    {"there is no such host", againNever, ClassRefused},
	"ResourceNotFound.InvocationNotFound":                  {"there is no such run", againNever, ClassRefused},
	"ResourceNotFound.RoleNotFound":                        {"there is no role that may write the output into its bucket", againNever, ClassRefused},
	"ResourceUnavailable.AgentNotInstalled":                {"a host has no TAT agent", againNever, ClassRefused},
	"ResourceUnavailable.AgentStatusNotOnline":             {"a host's TAT agent is offline", againNever, ClassRefused},
	"ResourceUnavailable.InstanceStateNotRunning":          {"a host is not running", againNever, ClassRefused},
	"ResourceUnavailable.InvalidResourceQuotaResourceCode": {"the API does not know this quota", againNever, ClassRefused},
	"ResourceUnavailable.LighthouseUnsupportedRegion":      {"Lighthouse is not served in this region", againNever, ClassRefused},
	"ResourceUnavailable.UserHasNoQuotaCode":               {"the account may store no more scripts", againNever, ClassRefused},
	"ResourceUnavailable.CommandInExecuting":               {"the script runs now", againNever, ClassUnknown},

	"UnsupportedOperation": {"the operation is not supported here", againNever, ClassUnknown}, // not listed for a run

	"UnauthorizedOperation.AssumeRoleUnauthorized": {"the key may not use the role that writes the output", againNever, ClassRefused},
	"UnauthorizedOperation.InvalidToken":           {"the token of the temporary key was refused", againNever, ClassRefused},
	"UnauthorizedOperation.MFAExpired":             {"the multi-factor check has expired", againNever, ClassRefused},
	"UnauthorizedOperation.MFANotFound":            {"a multi-factor check is asked for", againNever, ClassRefused},
	"UnauthorizedOperation.NeedApproval":           {"the cloud wants an approval of its own, and may start it after that", againNever, ClassUnknown},

	"InvalidInstanceId": {"a host's id is not one", againNever, ClassUnknown}, // of CVM's DescribeInstances; not listed for a run
}
