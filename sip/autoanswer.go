package sip

import "strings"
import "ramble/sip/wire"

// AsksAutoAnswer reports whether the caller of an incoming call asked for an
// answer without a person: Answer-Mode (RFC 5373), or the Call-Info and
// Alert-Info parameters that desk phones use.
func (c *Call) AsksAutoAnswer() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.theirs == nil {
		return false
	}
	req := c.theirs.in.req
	for _, name := range []string{"Answer-Mode", "Priv-Answer-Mode"} {
		mode, _, _ := strings.Cut(wire.Value(req, name), ";")
		if strings.EqualFold(strings.TrimSpace(mode), "auto") {
			return true
		}
	}
	for _, name := range []string{"Call-Info", "Alert-Info"} {
		for _, v := range wire.Values(req, name) {
			v = strings.ToLower(strings.ReplaceAll(v, " ", ""))
			if strings.Contains(v, "answer-after=0") || strings.Contains(v, "info=alert-autoanswer") {
				return true
			}
		}
	}
	return false
}
