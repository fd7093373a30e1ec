package analyst

import (
	"fmt"
	"hash/fnv"
	"iter"
	"regexp"
	"strconv"
	"strings"
)

// atLength is how a text asks for a long one: "Write 300 words about tides."
var atLength = regexp.MustCompile(`(?i)\b(\d{1,5}) words\b(?:\s+(?:about|on)\s+([^.?!\n]+))?`)

// mostWords is how long an answer gets at most.
const mostWords = 20_000

// long is the text that is asked for, if one is; always the same for the same request.
func long(said string) string {
	m := atLength.FindStringSubmatch(said)
	if m == nil {
		return ""
	}
	n, err := strconv.Atoi(m[1])
	if err != nil || n == 0 {
		return ""
	}
	topic := strings.TrimSpace(m[2])
	if topic == "" {
		topic = "nothing in particular"
	}
	return wordsOf(topic, min(n, mostWords))
}

// wordsOf are the first n words on a topic.
func wordsOf(topic string, n int) string {
	var b strings.Builder
	for sentence := range Words(topic) {
		for _, word := range strings.SplitAfter(sentence, " ") {
			switch {
			case word == "": // behind the last space
				continue
			case n == 0:
				return strings.TrimRight(b.String(), " \n")
			}
			b.WriteString(word)
			n--
		}
	}
	return b.String()
}

// The words of long answers: some are not of one byte a letter, and two sentences are
// never the same, so that what is missing, repeated or changed can be seen.
var (
	subjects = strings.Fields("rivers naïveté engineers lanterns čeština harbours ledgers winters cafés machines 東京 orchards façades letters Ω-particles bridges")
	verbs    = strings.Fields("carry follow measure outlast borrow repair answer question colour weigh remember cross divide gather light soften")
	objects  = strings.Fields("snow promises tariffs silence copper rumours daylight jalapeños maps voices barley 🌊 invoices stars thresholds music")
	places   = strings.Split("inland,abroad,overnight,upstream,in Zürich,before dawn,after harvest,near Łódź,by hand,at sea", ",")
)

// Words is a text about a topic that never ends, sentence by sentence; the same for the
// same topic.
func Words(topic string) iter.Seq[string] {
	return func(yield func(string) bool) {
		h := fnv.New64a()
		_, _ = h.Write([]byte(topic)) // which never fails
		state := h.Sum64()
		pick := func(list []string) string {
			state = state*6364136223846793005 + 1442695040888963407
			return list[(state>>33)%uint64(len(list))]
		}
		if !yield("What there is to say about " + topic + ": ") {
			return
		}
		for i := 1; ; i++ {
			mark := " "
			if i%5 == 0 {
				mark = "\n\n"
			}
			if !yield(fmt.Sprintf("In %d %s %s %s %s, and %s %s %s.%s", 1200+i, pick(subjects), pick(verbs), pick(objects), pick(places),
				pick(subjects), pick(verbs), pick(objects), mark)) {
				return
			}
		}
	}
}

// Thought is what the model shows of how it thinks about a request: more where much is
// asked for.
func Thought(r Request) string {
	const always = "I look at what I was given and decide what comes next."
	m := atLength.FindStringSubmatch(look(r).lastUser())
	if m == nil {
		return always
	}
	n, _ := strconv.Atoi(m[1]) // digits, as the pattern says
	return always + " " + wordsOf("how to answer", min(n, mostWords)/4)
}
