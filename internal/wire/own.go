package wire

import "github.com/skein-run/skein/internal/llm"

// own says for each format what its own members mean to an answer: what becomes of
// them at every target whose table has no row of its own for them. What is in
// neither is [Semantic]: nobody can say what it does.
var own = map[llm.Format][]ExtraFate{}
