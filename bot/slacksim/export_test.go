package slacksim

import "encoding/json"

// CheckBlocks lets the tests reach the checks without a server.
func CheckBlocks(raw json.RawMessage) (json.RawMessage, bool) {
	out, no := checkMessageBlocks(raw)
	return out, no == nil
}
