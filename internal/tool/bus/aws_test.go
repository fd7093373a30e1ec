package bus

import (
	"net/http"
	"testing"

	"github.com/aws/smithy-go"

	"github.com/skein-run/skein/internal/tool/effect"
)

// The service's own words leave out what it is that is not there.
func TestWhatIsMissingIsNamed(t *testing.T) {
	for code, want := range map[string]string{
		"AWS.SimpleQueueService.NonExistentQueue": "send: there is no jobs there; check its name, the account and the region",
		"QueueDoesNotExist":                       "send: there is no jobs there; check its name, the account and the region",
		"NotFound":                                "send: there is no jobs there; check its name, the account and the region",
		"InvalidParameterValue":                   "send: it is wrong",
	} {
		e := answeredAWS(t.Context(), "send", "sqs:SendMessage on jobs", &http.Response{StatusCode: 400}, &smithy.GenericAPIError{Code: code, Message: "it is wrong"})
		if e.Outcome != effect.Refused || e.Message != want {
			t.Errorf("%s: %+v", code, e)
		}
	}
}
