package gemini

import (
	"strconv"
	"strings"

	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/wire/raw"
)

// finish is a reason for an answer's end. Numbers are those of Vertex AI, whose
// Python SDK asks for enums as numbers ($alt=json;enum-encoding=int).
type finish struct {
	word   string
	number int
	stop   llm.StopReason
}

// finishes are the words of finishReason. A tool call ends with STOP: that it is one
// is seen from the content.
var finishes = []finish{
	{"STOP", 1, llm.StopEnd},
	{"MAX_TOKENS", 2, llm.StopLength},
	{"SAFETY", 3, llm.StopRefusal},
	{"RECITATION", 4, llm.StopRefusal},
	{"OTHER", 5, llm.StopUndefined},
	{"BLOCKLIST", 6, llm.StopRefusal},
	{"PROHIBITED_CONTENT", 7, llm.StopRefusal},
	{"SPII", 8, llm.StopRefusal},
	{"MALFORMED_FUNCTION_CALL", 9, llm.StopUndefined},
	{"MODEL_ARMOR", 10, llm.StopRefusal},
	{"IMAGE_SAFETY", 11, llm.StopRefusal},
	{"IMAGE_PROHIBITED_CONTENT", 12, llm.StopRefusal},
	{"IMAGE_RECITATION", 13, llm.StopRefusal},
	{"IMAGE_OTHER", 14, llm.StopUndefined},
	{"UNEXPECTED_TOOL_CALL", 15, llm.StopUndefined},
	{"NO_IMAGE", 16, llm.StopUndefined},
	{"LANGUAGE", -1, llm.StopRefusal},
	{"TOO_MANY_TOOL_CALLS", -1, llm.StopUndefined},
	{"MALFORMED_RESPONSE", -1, llm.StopUndefined},
	{"MISSING_THOUGHT_SIGNATURE", -1, llm.StopUndefined},
	{"CONTINUATION", -1, llm.StopPause},
}

// blocks are the words of promptFeedback.blockReason, by number.
var blocks = []string{"BLOCKED_REASON_UNSPECIFIED", "SAFETY", "OTHER", "BLOCKLIST", "PROHIBITED_CONTENT", "MODEL_ARMOR", "JAILBREAK"}

var modalities = []string{"MODALITY_UNSPECIFIED", "TEXT", "IMAGE", "VIDEO", "AUDIO", "DOCUMENT"}

var thresholds = []string{"HARM_BLOCK_THRESHOLD_UNSPECIFIED", "BLOCK_LOW_AND_ABOVE", "BLOCK_MEDIUM_AND_ABOVE", "BLOCK_ONLY_HIGH", "BLOCK_NONE", "OFF"}

var traffic = []string{"TRAFFIC_TYPE_UNSPECIFIED", "ON_DEMAND", "PROVISIONED_THROUGHPUT"}

// enum takes a word, or a number that stands for one of the words.
func enum(c *raw.Cursor, words []string) string {
	if c.Kind() == '0' {
		n, err := strconv.Atoi(string(c.Raw()))
		if err == nil && n >= 0 && n < len(words) {
			return words[n]
		}
		return ""
	}
	if c.Kind() != '"' {
		c.Skip()
		return ""
	}
	word := c.Bytes()
	for _, w := range words { // without a copy
		if string(word) == w {
			return w
		}
	}
	return string(word)
}

// finishOf takes a finishReason; "" is none.
func finishOf(c *raw.Cursor) string {
	if c.Kind() != '0' {
		if w := c.TextIf(); w != "FINISH_REASON_UNSPECIFIED" {
			return w
		}
		return ""
	}
	number := string(c.Raw())
	n, err := strconv.Atoi(number)
	if err != nil || n == 0 {
		return ""
	}
	for i := range finishes {
		if finishes[i].number == n {
			return finishes[i].word
		}
	}
	return number
}

// known reports whether a word is one of the table's.
func known(word string) bool {
	for i := range finishes {
		if finishes[i].word == word {
			return true
		}
	}
	return false
}

// stopOf is what a finishReason means, beside whether the answer calls tools. Words
// other than the plain ones stay as the detail.
func stopOf(word string, calls bool) (stop llm.StopReason, detail string) {
	for i := range finishes {
		if finishes[i].word != word {
			continue
		}
		switch stop = finishes[i].stop; {
		case stop == llm.StopEnd && calls:
			return llm.StopTools, ""
		case stop != llm.StopEnd && stop != llm.StopLength:
			detail = word
		}
		return stop, detail
	}
	if word == "" {
		return llm.StopUnstated, ""
	}
	return llm.StopUndefined, word
}

// wordOf is the finishReason of a stop; one that is this format's own word is kept.
func wordOf(stop llm.StopReason, detail string) string {
	for i := range finishes {
		if finishes[i].word == detail && finishes[i].stop == stop {
			return detail
		}
	}
	switch stop {
	case llm.StopLength, llm.StopContext:
		return "MAX_TOKENS"
	case llm.StopRefusal:
		return "SAFETY"
	case llm.StopPause, llm.StopUndefined:
		return "OTHER"
	}
	return "STOP"
}

// upper and lower change words such as those of modalities and levels of thinking,
// which the API takes in either case.
func upper(s string) string { return strings.ToUpper(s) }
func lower(s string) string { return strings.ToLower(s) }
