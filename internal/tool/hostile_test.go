package tool_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/skein-run/skein/internal/tool"
)

// A model's numbers, depths and lengths may be anything; checking them must not
// take the process along.
func TestValidateSurvivesHostileArguments(t *testing.T) {
	op := &tool.Operation{Name: "x_read", Schema: []byte(`{"type":"object","additionalProperties":false,"properties":{
		"offset":{"type":"integer","minimum":0,"maximum":1099511627776},"n":{"type":"number","multipleOf":0.01},
		"s":{"type":"string","maxLength":10,"pattern":"^(a+)+$"},"e":{"enum":[1,2]},"l":{"type":"array","uniqueItems":true},"o":{"type":"object"}}}`)}
	for name, args := range map[string]string{
		"an exponent":             `{"offset":1e999999999}`,
		"a large exponent":        `{"offset":1e999999}`,
		"a small exponent":        `{"offset":1e-999999999}`,
		"an exponent of any kind": `{"n":1e99999999999999999999}`,
		"an exponent in an enum":  `{"e":1e999999999}`,
		"many digits":             `{"offset":` + strings.Repeat("9", 900_000) + `}`,
		"unique exponents":        `{"l":[1e999999,1e999998,1e-999999,` + strings.TrimSuffix(strings.Repeat("1e999999,", 50), ",") + `]}`,
		"many items":              `{"l":[` + strings.TrimSuffix(strings.Repeat(`"a`+"0"+`",`, 40_000), ",") + `]}`,
		"a pattern":               `{"s":"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!"}`,
		"depth":                   `{"o":` + strings.Repeat(`{"a":`, 5000) + `1` + strings.Repeat("}", 5000) + `}`,
		"half a character":        `{"s":"\ud800"}`,
		"no UTF-8":                "{\"s\":\"\xff\"}",
		"twice":                   `{"s":"a","s":"b"}`,
		"twice, spelled apart":    `{"s":"a","\u0073":"b"}`,
	} {
		t.Run(name, func(t *testing.T) {
			start := time.Now()
			if err := tool.Validate(op, []byte(args)); err == nil {
				t.Error("it was taken")
			} else if len(err.Error()) > 2000 {
				t.Errorf("the error has %d bytes", len(err.Error()))
			}
			if took := time.Since(start); took > 2*time.Second {
				t.Errorf("it took %v", took)
			}
		})
	}
}

// What an error quotes goes back to the model and is paid for with every call
// that follows.
func TestErrorsAreAsShortAsResults(t *testing.T) {
	calc, err := tool.Open("calculate", tool.Spec{Limits: tool.Limits{MaxResult: 512}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	args, err := json.Marshal(map[string]string{"program": `{}["a" * 900000]`})
	if err != nil {
		t.Fatal(err)
	}
	_, err = calc.Do(t.Context(), tool.Call{ID: "run_1/1/1", Try: 1, Op: "calculate", Args: args})
	var e *tool.Error
	if !errors.As(err, &e) || e.Outcome != tool.Refused || len(e.Message) > 512 || !strings.Contains(e.Message, "line 1") {
		t.Errorf("%d bytes: %.100v", len(err.Error()), err)
	}
}
