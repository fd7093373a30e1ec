package wire

import (
	"bytes"
	"encoding/base64"
	"strings"

	"github.com/skein-run/skein/internal/llm"
)

// A maker's opaque state has a place in its own format only: a signature beside
// thinking, encrypted reasoning, a thought signature on a tool call. To a client of
// another format it goes in that format's place for such state, wrapped, so that it
// is known again when the client sends it back:
//
//	skein1.google.n..CiQB…
//	       │      │ │└ the state, as it came
//	       │      │ └ base64url of the part's id, where it has one
//	       │      └ what it is: the (s)ignature of this thinking, (r)edacted thinking,
//	       │        state of the (n)ext part, or of a (t)ext without letters
//	       └ whose
//
// A part that is no thinking and has state goes to formats without a place for it
// as two: a [Carrier] thinking part with the state, then the part.
const wrapped = "skein1."

// The names of thinking parts that only carry state: of the part that follows, or
// of a text without letters, which Google ends streams with.
const (
	Carrier     = "skein.carrier"
	CarrierText = "skein.carrier.text"
)

// IsCarrier reports whether a part only carries another's state.
func IsCarrier(p *llm.Part) bool {
	return p.Kind == llm.Thinking && (p.Name == Carrier || p.Name == CarrierText)
}

// WrapState is a thinking part's opaque state as a string for a format whose own
// state is native's: as it is where it is native's own, else wrapped.
func WrapState(p *llm.Part, native llm.Maker) string {
	kind, state := "s", p.Signature
	switch {
	case p.Name == Carrier:
		kind = "n"
	case p.Name == CarrierText:
		kind = "t"
	case state == "" && p.Redacted != "":
		kind, state = "r", p.Redacted
	}
	if state == "" || !IsCarrier(p) && (p.Maker == native || p.Maker == "") && !strings.HasPrefix(state, wrapped) {
		return state
	}
	return wrapped + string(p.Maker) + "." + kind + "." + base64.RawURLEncoding.EncodeToString([]byte(p.ID)) + "." + state
}

// UnwrapState reads into a thinking part what stood in the place for state of a
// format whose own state is native's. redacted says that it stood where that
// format has thinking which is shown to nobody.
func UnwrapState(p *llm.Part, s string, native llm.Maker, redacted bool) {
	if s == "" {
		return
	}
	maker, kind, id, state, ok := openState(s)
	if !ok {
		p.Maker = native
		if redacted {
			p.Redacted = s
		} else {
			p.Signature = s
		}
		return
	}
	p.Maker = maker
	if id != "" {
		p.ID = id
	}
	switch kind {
	case "r":
		p.Redacted = state
	case "n":
		p.Signature, p.Name = state, Carrier
	case "t":
		p.Signature, p.Name = state, CarrierText
	default:
		p.Signature = state
	}
}

// StateMaker is whose a piece of state is that stands in a format whose own is native's.
func StateMaker(s string, native llm.Maker) llm.Maker {
	if maker, _, _, _, ok := openState(s); ok {
		return maker
	}
	return native
}

// MakerOf is StateMaker of a scan, which has bytes.
func MakerOf(state []byte, native llm.Maker) llm.Maker {
	if !bytes.HasPrefix(state, []byte(wrapped)) {
		return native
	}
	return StateMaker(string(state), native)
}

func openState(s string) (maker llm.Maker, kind, id, state string, ok bool) {
	rest, is := strings.CutPrefix(s, wrapped)
	if !is {
		return "", "", "", "", false
	}
	m, rest, ok1 := strings.Cut(rest, ".")
	kind, rest, ok2 := strings.Cut(rest, ".")
	id64, state, ok3 := strings.Cut(rest, ".")
	b, err := base64.RawURLEncoding.DecodeString(id64)
	if !ok1 || !ok2 || !ok3 || err != nil || m == "" || state == "" || kind != "s" && kind != "r" && kind != "n" && kind != "t" {
		return "", "", "", "", false
	}
	return llm.Maker(m), kind, string(b), state, true
}

// SplitState gives the parts of a message for a format that has a place for state
// on thinking only: state on other parts goes into carriers before them. It is
// parts itself where there is none.
func SplitState(parts []llm.Part) []llm.Part {
	at := -1
	for i := range parts {
		if onOther(&parts[i]) {
			at = i
			break
		}
	}
	if at < 0 {
		return parts
	}
	out := append([]llm.Part(nil), parts[:at]...)
	for i := at; i < len(parts); i++ {
		p := parts[i]
		if onOther(&p) {
			if p.Kind == llm.Text && p.Text == "" {
				out = append(out, carrier(CarrierText, p.Signature, p.Maker))
				continue
			}
			out = append(out, carrier(Carrier, p.Signature, p.Maker))
			p.Signature, p.Maker = "", ""
		}
		out = append(out, p)
	}
	return out
}

// JoinState undoes SplitState.
func JoinState(parts []llm.Part) []llm.Part {
	out := parts[:0]
	var state *llm.Part
	for i := range parts {
		p := parts[i]
		if IsCarrier(&p) {
			if state != nil {
				out = append(out, alone(state))
			}
			state = &p
			if p.Name == CarrierText {
				out, state = append(out, alone(&p)), nil
			}
			continue
		}
		if state != nil {
			if p.Kind == llm.Text || p.Kind == llm.ToolCall {
				p.Signature, p.Maker = state.Signature, state.Maker
			} else {
				out = append(out, alone(state))
			}
			state = nil
		}
		out = append(out, p)
	}
	if state != nil {
		out = append(out, alone(state))
	}
	return out
}

func alone(state *llm.Part) llm.Part {
	return llm.Part{Kind: llm.Text, Signature: state.Signature, Maker: state.Maker}
}

func onOther(p *llm.Part) bool { return p.Kind != llm.Thinking && p.Signature != "" }

func carrier(name, state string, maker llm.Maker) llm.Part {
	return llm.Part{Kind: llm.Thinking, Name: name, Signature: state, Maker: maker}
}
