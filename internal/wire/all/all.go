// Package all lists the codecs that there are, so that whoever needs one by its
// format's name finds it without knowing the folders.
package all

import (
	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/wire"
	"github.com/skein-run/skein/internal/wire/chat"
	"github.com/skein-run/skein/internal/wire/messages"
)

var codecs = []wire.Codec{chat.Codec{}, messages.Codec{}} // a new format is one more here

// Codec is the codec of a format, or nil where there is none.
func Codec(f llm.Format) wire.Codec {
	for _, c := range codecs {
		if c.Format() == f {
			return c
		}
	}
	return nil
}

// Codecs lists all of them, in a fixed order.
func Codecs() []wire.Codec { return codecs }

// Tables are the loss tables of the codecs, in the same order.
func Tables() []*wire.LossTable { return []*wire.LossTable{&chat.Table, &messages.Table} }
