package responses

import (
	"strings"

	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/wire"
	"github.com/skein-run/skein/internal/wire/raw"
)

func (w *writer) thinkingStart(dst []byte, k *block) []byte {
	id := k.p.ID
	if id == "" || wire.IsCarrier(&k.p) {
		id = w.env.itemID("rs_")
	}
	k.kind, k.out, k.open = llm.Thinking, len(w.outs), true
	dst = w.item(dst, "reasoning", id, func(b *raw.Builder) {
		b.PutString("id", id)
		b.PutString("type", "reasoning")
		b.Key("summary")
		b.List()
		b.EndList()
	})
	if k.p.Text != "" {
		text := k.p.Text
		k.p.Text = ""
		return w.summary(dst, k, text)
	}
	return dst
}

// summary writes a piece of thinking, as a summary: that is where clients look.
func (w *writer) summary(dst []byte, k *block, text string) []byte {
	if !k.told {
		k.told = true
		dst = w.summaryEvent(dst, "response.reasoning_summary_part.added", k, "")
	}
	k.text = append(k.text, text...)
	return w.piece(dst, "response.reasoning_summary_text.delta", "summary_index", k, text, "")
}

func (w *writer) summaryEvent(dst []byte, kind string, k *block, text string) []byte {
	b := w.begin(dst, kind)
	w.where(&b, k)
	b.PutInt("summary_index", int64(k.part))
	b.Key("part")
	putThought(&b, "summary_text", text)
	return w.finish(&b)
}

func putThought(b *raw.Builder, kind, text string) {
	b.Object()
	b.PutString("type", kind)
	b.PutString("text", text)
	b.EndObject()
}

func (w *writer) thinkingStop(dst []byte, k *block) []byte {
	text := string(k.text)
	kind := "summary_text"
	if k.plain {
		kind = "reasoning_text"
	}
	switch {
	case k.told && k.plain:
		dst = w.plainDone(dst, k, text)
	case k.told:
		b := w.begin(dst, "response.reasoning_summary_text.done")
		w.where(&b, k)
		b.PutInt("summary_index", int64(k.part))
		b.PutString("text", text)
		dst = w.finish(&b)
		dst = w.summaryEvent(dst, "response.reasoning_summary_part.done", k, text)
	}
	parts := k.before
	if k.told {
		var b raw.Builder
		putThought(&b, kind, text)
		parts = append(parts, b.B)
	}
	k.p.Text, k.text = text, nil
	b := raw.Builder{}
	b.Object()
	b.PutString("id", w.outs[k.out].id)
	b.PutString("type", "reasoning")
	own := raw.Find(k.p.Extra, llm.Responses, "summary") != nil
	if k.plain {
		if !own {
			putList(&b, "summary", nil)
		}
		putList(&b, "content", parts)
	} else if !own {
		putList(&b, "summary", parts)
	}
	if state := wrapped(&k.p); state != "" {
		b.PutString("encrypted_content", state)
	}
	b.Extras(k.p.Extra, llm.Responses, "")
	b.EndObject()
	oneLine(b.B)
	return w.itemDone(dst, k.out, b.B)
}

func putList(b *raw.Builder, name string, list [][]byte) {
	b.Key(name)
	b.List()
	for _, v := range list {
		b.Raw(v)
	}
	b.EndList()
}

func (w *writer) callStart(dst []byte, k *block) []byte {
	p := &k.p
	k.tool = w.toolOf(p)
	id := word(p.Extra, "id")
	if id == "" {
		id = w.env.itemID(prefixOf(k.tool.call))
	}
	k.kind, k.out, k.open = llm.ToolCall, len(w.outs), true
	p.ID = callID(p.ID)
	whole := p.Arguments
	dst = w.item(dst, k.tool.call, id, func(b *raw.Builder) {
		b.PutString("id", id)
		w.putCall(b, k, "in_progress")
	})
	if len(whole) > 0 && string(whole) != "{}" {
		return w.arguments(dst, k, wire.ArgumentsText(whole))
	}
	return dst
}

// toolOf is the tool that a call is of, as the client knows it.
func (w *writer) toolOf(p *llm.Part) tool {
	if raw.HasExtras(p.Extra, llm.Responses, "") { // it came in this format
		k := tool{name: p.Name, call: functionCall, namespace: word(p.Extra, "namespace")}
		if name := word(p.Extra, "name"); name != "" {
			k.name = name
		}
		if kind := word(p.Extra, "type"); kind != "" {
			k.call = kind
		}
		return k
	}
	return w.env.names.of(p.Name)
}

// putCall writes a call's members behind its id, with what has come of it.
func (w *writer) putCall(b *raw.Builder, k *block, status string) {
	b.PutString("type", k.tool.call)
	b.PutString("status", status)
	b.PutString("call_id", k.p.ID)
	if k.tool.call == searchCall {
		b.PutString("execution", "client")
		args := []byte("{}")
		if status != "in_progress" {
			args = object(wire.Arguments(string(k.text)))
		}
		from := len(b.B)
		b.PutRaw("arguments", args)
		oneLine(b.B[from:])
		return
	}
	b.PutString("name", k.tool.name)
	if k.tool.namespace != "" {
		b.PutString("namespace", k.tool.namespace)
	}
	switch {
	case k.tool.call == customCall && status == "in_progress":
		b.PutString("input", "")
	case k.tool.call == customCall:
		b.PutString("input", inputText(wire.Arguments(string(k.text))))
	default:
		b.PutString("arguments", string(k.text))
	}
}

// arguments writes a piece of a call's arguments. A custom tool's are its input
// inside an object, out of which it is read as it comes.
func (w *writer) arguments(dst []byte, k *block, text string) []byte {
	k.text = append(k.text, text...)
	switch k.tool.call {
	case functionCall:
		return w.piece(dst, "response.function_call_arguments.delta", "", k, text, "")
	case customCall:
		if more := k.arg.feed(text); more != "" {
			k.sent += len(more)
			return w.piece(dst, "response.custom_tool_call_input.delta", "", k, more, "")
		}
	}
	return dst
}

func (w *writer) callStop(dst []byte, k *block) []byte {
	switch {
	case k.ended:
	case k.tool.call == functionCall:
		if strings.TrimSpace(string(k.text)) == "" {
			k.text = []byte("{}") // no arguments at all: clients parse the text
		}
		b := w.begin(dst, "response.function_call_arguments.done")
		w.where(&b, k)
		b.PutString("name", k.tool.name)
		b.PutString("arguments", string(k.text))
		dst = w.finish(&b)
	case k.tool.call == customCall:
		input := inputText(wire.Arguments(string(k.text)))
		if k.sent < len(input) { // what could not be told before its end
			dst = w.piece(dst, "response.custom_tool_call_input.delta", "", k, input[k.sent:], "")
		}
		b := w.begin(dst, "response.custom_tool_call_input.done")
		w.where(&b, k)
		b.PutString("input", input)
		dst = w.finish(&b)
	}
	b := raw.Builder{}
	b.Object()
	b.PutString("id", w.outs[k.out].id)
	w.putCall(&b, k, w.statusOf())
	b.EndObject()
	k.text = nil
	return w.itemDone(dst, k.out, b.B)
}
