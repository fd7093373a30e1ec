package wire

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/skein-run/skein/internal/llm"
)

// Fate is what becomes of a field at a target.
type Fate struct {
	Class LossClass
	Note  string
}

// ExtraFate is what becomes of a member that only another format knows. A member
// with no row is [Semantic]: nobody can say what it does.
type ExtraFate struct {
	From    llm.Format
	Holder  string   // where it stands: "" for the request, else "messages", "parts" or "tools"
	Path    string   // as in llm.Extra; name.* is every member of name
	Neutral []string // values, as JSON, that are the target's own behaviour
	Fate
}

// LossTable says for one target format what becomes of each of [Fields] and of
// other formats' own members.
type LossTable struct {
	Format llm.Format
	// Maker is whose opaque state the format's provider takes back; "" where that is
	// told by the model, or any is passed on.
	Maker  llm.Maker
	Fields map[string]Fate // by Field.Name, complete
	Extras []ExtraFate
}

// Losses are the fields that r uses and the target does not carry as they are,
// in the order of the table. Neutral ones are not losses. A request in the same
// format loses nothing: whatever it says, it says in the target's own terms.
func (t *LossTable) Losses(r *llm.Request) []Loss {
	if r.From == t.Format {
		return nil
	}
	var out []Loss
	u := usesOf(r, t.Format)
	for i, fields := 0, FieldsOf(t.Format.Operation()); i < len(fields); i++ {
		f := &fields[i]
		fate := t.Fields[f.Name]
		if fate.Class == Carried || fate.Class == Neutral || !f.used(r, u) {
			continue
		}
		out = append(out, Loss{Field: f.Name, Class: fate.Class, Note: fate.Note})
	}
	out = t.foreign(out, r)
	out = t.extras(out, "", r.Extra)
	for i := range r.Messages {
		m := &r.Messages[i]
		out = t.extras(out, "messages", m.Extra)
		for j := range m.Parts {
			out = t.extras(out, "parts", m.Parts[j].Extra)
		}
	}
	for i := range r.Tools {
		out = t.extras(out, "tools", r.Tools[i].Extra)
	}
	return out
}

// foreign finds state of other makers than the format's.
func (t *LossTable) foreign(out []Loss, r *llm.Request) []Loss {
	const field = "thinking.signature"
	if t.Maker == "" || slices.ContainsFunc(out, func(l Loss) bool { return l.Field == field }) ||
		!anyPart(r, func(p *llm.Part) bool {
			return p.Kind == llm.Thinking && p.Signature+p.Redacted != "" && p.Maker != "" && p.Maker != t.Maker
		}) {
		return out
	}
	return append(out, Loss{field, Semantic, "only its own maker's models can read it"})
}

func (t *LossTable) extras(out []Loss, holder string, extra []llm.Extra) []Loss {
	for i := range extra {
		e := &extra[i]
		if e.Format == t.Format {
			continue
		}
		fate := t.extraFate(holder, e)
		if fate.Class == Carried || fate.Class == Neutral {
			continue
		}
		name := cut(e.Path, mostName)
		if holder != "" {
			name = holder + "." + name
		}
		known, semantic := false, false
		for j := range out {
			known = known || out[j].Field == name
			semantic = semantic || out[j].Class == Semantic
		}
		if !known && (len(out) < mostLosses || fate.Class == Semantic && !semantic) {
			out = append(out, Loss{Field: name, Class: fate.Class, Note: fate.Note})
		}
	}
	return out
}

// The names of unknown members are the client's to choose, and losses end up in
// records: so many of them are listed, cut to that length. That there is a semantic
// one is never left out.
const (
	mostLosses = 100
	mostName   = 200
)

func (t *LossTable) extraFate(holder string, e *llm.Extra) Fate {
	if string(e.Value) == "null" {
		return Fate{Class: Neutral}
	}
	if f, ok := fateIn(t.Extras, holder, e); ok {
		return f
	}
	if f, ok := ownRows.fate(holder, e); ok {
		return f
	}
	return Fate{Semantic, "known to " + string(e.Format) + " only"}
}

// fateIn finds a member's row.
func fateIn(rows []ExtraFate, holder string, e *llm.Extra) (Fate, bool) {
	for i := range rows {
		row := &rows[i]
		if row.From != e.Format || row.Holder != holder || !row.covers(e.Path) {
			continue
		}
		return row.of(e), true
	}
	return Fate{}, false
}

// of is what becomes of a member with its value.
func (row *ExtraFate) of(e *llm.Extra) Fate {
	if len(row.Neutral) > 0 && slices.Contains(row.Neutral, compact(e.Value)) {
		return Fate{Class: Neutral}
	}
	return row.Fate
}

func (row *ExtraFate) covers(path string) bool {
	under, all := strings.CutSuffix(row.Path, "*")
	return path == row.Path || all && strings.HasPrefix(path, under)
}

func compact(value []byte) string {
	var b bytes.Buffer
	if json.Compact(&b, value) != nil {
		return string(value)
	}
	return b.String()
}

// RefuseLossy is the refusal of a request for its first semantic loss, or nil
// where there is none or they are allowed.
func RefuseLossy(losses []Loss, t *Target, format llm.Format) *llm.Error {
	if t != nil && t.LossyOK {
		return nil
	}
	for _, l := range losses {
		if l.Class != Semantic {
			continue
		}
		e := &llm.Error{Class: llm.Lossy, Blame: llm.BlameRequest, Billed: llm.BilledNo, Status: 400, Param: l.Field,
			Message: fmt.Sprintf("the deployment speaks %s, which cannot carry %s", format, l.Field)}
		if l.Note != "" {
			e.Message += " (" + l.Note + ")"
		}
		mend := "set `lossy: allow` on the model"
		if l.Field == "thinking.signature" || l.Field == "state" {
			mend = "set `state: strip` on the model, which takes it out"
		}
		e.Message += "; leave it out, use a deployment that keeps it, or " + mend
		return e
	}
	return nil
}
