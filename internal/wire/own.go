package wire

import (
	"strings"

	"github.com/skein-run/skein/internal/llm"
)

// own says for each format what its own members mean to an answer: what becomes of
// them at every target whose table has no row of its own for them. What is in
// neither is [Semantic]: nobody can say what it does.
var own = map[llm.Format][]ExtraFate{
	llm.Chat:      ownChat,
	llm.Messages:  ownMessages,
	llm.Gemini:    ownGemini,
	llm.Responses: ownResponses,
	llm.Converse:  ownConverse,
}

// OwnMembers are the rows of a format's own members, for docs.
func OwnMembers(f llm.Format) []ExtraFate { return own[f] }

// ownRows are the same rows by their place, and those that cover every member of
// something apart: requests can have very many members.
var ownRows = indexed(own)

type place struct {
	from         llm.Format
	holder, path string
}

type rowIndex struct {
	by  map[place]*ExtraFate
	all []*ExtraFate
}

func indexed(tables map[llm.Format][]ExtraFate) rowIndex {
	x := rowIndex{by: map[place]*ExtraFate{}}
	for _, rows := range tables {
		for i := range rows {
			row := &rows[i]
			x.by[place{row.From, row.Holder, row.Path}] = row
			if strings.HasSuffix(row.Path, "*") {
				x.all = append(x.all, row)
			}
		}
	}
	return x
}

func (x *rowIndex) fate(holder string, e *llm.Extra) (Fate, bool) {
	if row := x.by[place{e.Format, holder, e.Path}]; row != nil {
		return row.of(e), true
	}
	for _, row := range x.all {
		if row.From == e.Format && row.Holder == holder && row.covers(e.Path) {
			return row.of(e), true
		}
	}
	return Fate{}, false
}
