package bmtest

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// said is a documented number's English name and Chinese text.
type said struct{ name, text string }

// documented is every number of the common page, of the module, and of the script actions.
var documented = map[int]said{
	4000: {"InvalidParameter", "请求参数非法"}, 4100: {"AuthFailure", "身份认证失败"},
	4101: {"UnauthorizedOperation", "未授权访问接口"}, 4102: {"UnauthorizedResource", "未授权访问资源"},
	4103: {"UnauthorizedResource", "未授权访问当前接口所操作的资源"}, 4104: {"SecretIdNotFound", "密钥不存在"},
	4105: {"TokenFailure", "token错误"}, 4106: {"MFAFailure", "MFA校验失败"}, 4110: {"CAMFailure", "其他CAM鉴权失败"},
	4200: {"RequestExpired", "请求过期"}, 4300: {"AccessDenied", "拒绝访问"}, 4400: {"QuotaExceeded", "超过配额"},
	4500: {"Replay", "重放攻击"}, 4600: {"UnsupportedProtocol", "协议不支持"}, 5000: {"ResourceNotFound", "资源不存在"},
	5100: {"OperationFailed", "资源操作失败"}, 5200: {"PurchaseFailed", "资源购买失败"}, 5300: {"NoBalance", "余额不足"},
	5400: {"PartialSuccess", "部分执行成功"}, 5500: {"NotQualified", "用户资质审核未通过"}, 6000: {"InternalError", "服务器内部错误"},
	6100: {"UnsupportedVersion", "版本暂不支持"}, 6200: {"Maintenance", "接口暂时无法访问"},

	9001: {"InternalError.DbError", "操作数据库错误"}, 9003: {"InvalidParameter", "参数错误"},
	9005: {"InternalError.RbmqError", "消息队列错误"}, 9008: {"InternalError.TscRequestFail", "请求后端失败"},
	10001: {"InvalidParameter", "参数错误"}, 10008: {"InvalidAppId", "无效的appId"},
	12002: {"OperationDenied.IncorrectInstanceStatus", "设备状态不正确"}, 12006: {"OperationDenied.TsysAgentNotAlive", "设备agent不在线"},

	18001: {"InvalidCmdName", "无效的脚本名称"}, 18002: {"InvalidOS", "无效的操作系统"}, 18003: {"InvalidCmdContent", "无效的脚本内容"},
	18004: {"LimitCmdCount", "脚本数量超过限制"}, 18005: {"InvalidCmdId", "无效的脚本ID"}, 18006: {"CmdNotExist", "脚本不存在"},
	18007: {"InvalidCmdItem", "没有可修改的内容"}, 18008: {"CmdNotExist", "脚本不存在"}, 18010: {"CmdNotExist", "无效的任务ID"},
	18011: {"InvalidUserName", "无效的用户名"}, 18012: {"InvalidPassword", "无效的密码"}, 18013: {"InvalidServer", "无效的服务器信息"},
	18014: {"CmdNotExist", "用户脚本不存在"}, 18015: {"InvalidServerIP", "无效的服务器IP"}, 18016: {"InvalidLoginType", "无效的登录类型"},
	18017: {"InvalidLoginKey", "无效的密钥"}, 18018: {"ServerNotExist", "脚本待运行的服务器不存在"}, 18019: {"VPCNotExist", "VPC不存在"},
	18021: {"OrderByInvalid", "无效的排序字段"}, 18022: {"OrderTypeInvalid", "无效的排序方式"}, 18023: {"SubnetNotExist", "子网不存在"},
}

// Documented lists every number of the documents, in order.
func Documented() []int { return slices.Sorted(maps.Keys(documented)) }

// answer is what a request gets before any fault alters how it is delivered.
type answer struct {
	code     int
	name     string
	word     string // the code of API 3.0, where the number's counterpart is not meant
	message  string
	data     any // nil: the field is absent
	executed bool
}

// refuse answers with a number; the message is its Chinese text, as the real API's, and then why.
func refuse(code int, format string, args ...any) answer {
	d := documented[code]
	return answer{code: code, name: d.name, message: d.text + ": " + fmt.Sprintf(format, args...)}
}

// failed says that the answer is an error.
func (a answer) failed() bool { return a.code != 0 || a.word != "" }

// body writes the answer in the API's form.
func (a answer) body(codeAsText bool) string {
	var code any = a.code
	if codeAsText {
		code = strconv.Itoa(a.code)
	}
	m := map[string]any{"code": code, "message": a.message}
	if a.code != 0 && a.name != "" {
		m["codeDesc"] = a.name
	}
	if a.data != nil {
		m["data"] = a.data
	}
	return written(m)
}

// body3 writes the answer in the form of API 3.0 and of TAT.
func (a answer) body3(api, requestID string) string {
	m := map[string]any{}
	if fields, ok := a.data.(map[string]any); ok {
		m = maps.Clone(fields)
	}
	m["RequestId"] = requestID
	if a.failed() {
		m["Error"] = map[string]any{"Code": a.code3(api), "Message": a.message}
	}
	return written(map[string]any{"Response": m})
}

// code3 is the code of API 3.0 or TAT for an error; empty for none.
func (a answer) code3(api string) string {
	switch {
	case a.word != "":
		return a.word
	case a.code == 0:
		return ""
	}
	if w, ok := wordsTAT[a.code]; ok && api == apiTAT {
		return w
	}
	return cmp.Or(words[a.code], "FailedOperation")
}

// words are what API 3.0 says where 2.0 gives a number. No page holds them against each other: they go by their meaning, and those of the
// scripts by what 3.0 lists for RunUserCmd.
var words = map[int]string{
	4000: "InvalidParameter", 4100: "AuthFailure.SignatureFailure", 4101: "UnauthorizedOperation", 4102: "UnauthorizedOperation",
	4103: "UnauthorizedOperation", 4104: "AuthFailure.SecretIdNotFound", 4105: "AuthFailure.TokenFailure", 4106: "AuthFailure.MFAFailure",
	4110: "AuthFailure.UnauthorizedOperation", 4200: "AuthFailure.SignatureExpire", 4300: "UnauthorizedOperation",
	4400: "RequestLimitExceeded", 4500: "AuthFailure.SignatureExpire", 4600: "UnsupportedProtocol", 5000: "ResourceNotFound",
	6000: "InternalError", 6100: "InvalidAction", 6200: "ServiceUnavailable", 9001: "InternalError.DbError", 9003: "InvalidParameter",
	9005: "InternalError.RbmqError", 9008: "InternalError.TscRequestFail", 10001: "InvalidParameter", 10008: "InvalidParameter",
	12006: "FailedOperation.TscAgentOffline",
	18004: "LimitExceeded.UserCmdCount", 18005: "InvalidParameter", 18011: "InvalidParameter", 18012: "InvalidParameter",
	18013: "InvalidParameter", 18014: "InvalidParameter", 18015: "InvalidParameter", 18016: "UnsupportedOperation",
	18017: "InvalidParameter", 18018: "InvalidParameter", 18019: "InvalidParameter", 18021: "InvalidParameter", 18022: "InvalidParameter",
	18023: "InvalidParameter",
}

// wordsTAT are what TAT says differently from 3.0.
var wordsTAT = map[int]string{
	12006: "ResourceUnavailable.AgentStatusNotOnline", 18005: "InvalidParameterValue.InvalidCommandId", 18010: "InvalidParameterValue.InvalidInvocationId",
	18011: "InvalidParameter.InvalidUsername", 18013: "InvalidParameterValue.InvalidInstanceId", 18014: "ResourceNotFound.CommandNotFound",
	18018: "ResourceNotFound.InstanceNotFound",
}

// number is a text of digits as a number.
func number(digits string) any {
	if _, err := strconv.ParseUint(digits, 10, 64); err != nil {
		return 0
	}
	return json.Number(digits)
}

func written(v any) string {
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(v) // strings, numbers and maps of them: it cannot fail
	return b.String()
}
