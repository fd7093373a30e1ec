package engine_test

import (
	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/wire"
)

// targetChat is an upstream that a request is encoded for.
var targetChat = &wire.Target{Format: llm.Chat, Dialect: &wire.Dialect{}, Upstream: "m"}
