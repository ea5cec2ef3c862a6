package wire

import (
	"fmt"

	sipgo "github.com/emiago/sipgo/sip"
)

// Parser is sipgo's parser with only the headers whose parsed form its
// transactions need. The others stay text, read by ParseAddress. It is safe for
// concurrent use.
type Parser struct{ p *sipgo.Parser }

// NewParser makes a Parser.
func NewParser() *Parser {
	all, some := sipgo.DefaultHeadersParser(), map[string]sipgo.HeaderParser{}
	for _, name := range []string{"via", "from", "to", "call-id", "cseq", "max-forwards", "content-length"} {
		some[name] = all[name]
	}
	return &Parser{sipgo.NewParser(sipgo.WithHeadersParsers(some))}
}

// Parse runs the parser, and treats a panic in it as an error: it runs on
// bytes of strangers.
func (p *Parser) Parse(b []byte) (msg sipgo.Message, err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("the parser failed: %v", v)
		}
	}()
	return p.p.ParseSIP(b)
}
