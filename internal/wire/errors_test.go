package wire_test

import (
	"testing"

	"github.com/skein-run/skein/internal/llm"
	"github.com/skein-run/skein/internal/wire"
)

func TestWhatARequestNamesAndIsNotThereIsTheClientsFault(t *testing.T) {
	for _, x := range []struct {
		body  string
		class llm.ErrorClass
		blame llm.Blame
	}{
		{`{"error":{"message":"Item with id 'rs_1' not found. Items are not persisted when store is set to false.","type":"invalid_request_error","param":"input","code":null}}`, llm.BadRequest, llm.BlameRequest},
		{`{"error":{"message":"The model 'gpt-9' does not exist or you do not have access to it.","type":"invalid_request_error","param":null,"code":"model_not_found"}}`, llm.NotFound, llm.BlameDeployment},
		{`{"error":{"message":"The model 'gpt-9' does not exist","type":"invalid_request_error","param":"model","code":"model_not_found"}}`, llm.NotFound, llm.BlameDeployment},
	} {
		if e := wire.Classify(404, nil, wire.ReadError([]byte(x.body))); e.Class != x.class || e.Blame != x.blame {
			t.Errorf("%s is %s of %s; want %s of %s", x.body, e.Class, e.Blame, x.class, x.blame)
		}
	}
}
