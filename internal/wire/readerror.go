package wire

import (
	"strconv"
	"strings"

	"github.com/skein-run/skein/internal/wire/raw"
)

// ReadError reads an error body. The shapes are {"error":{…}} of most vendors,
// {"error":"text"} (Ollama, Hugging Face, xAI), {"detail":…} (Mistral),
// {"message":…} (Cohere, Bedrock), {"type":"error","error":{…}} (Anthropic), and
// whatever a proxy in between writes. Google's come in a list of one where a stream
// was asked for.
func ReadError(body []byte) (s Said) {
	c := raw.On(body)
	if c.Kind() == '[' {
		c.List()
		if !c.More() {
			return Said{Message: plain(body)}
		}
	}
	if c.Kind() != '{' {
		return Said{Message: plain(body)}
	}
	for c.Object(); ; {
		key, ok := c.Key()
		if !ok {
			break
		}
		switch string(key) {
		case "error":
			switch c.Kind() {
			case '"':
				s.Message = c.Text()
			case '{':
				inner(&c, &s)
			default:
				c.Skip()
			}
		case "detail":
			detail := c.Raw()
			if s.Message == "" {
				s.Message = strings.Trim(string(detail), `"`)
			}
		case "message":
			if m := c.TextIf(); s.Message == "" {
				s.Message = m
			}
		case "code":
			if w := word(&c); s.Code == "" {
				s.Code = w
			}
		case "type", "error_type":
			if w := word(&c); s.Type == "" && w != "error" {
				s.Type = w
			}
		default:
			c.Skip()
		}
	}
	if c.Err() != nil && s == (Said{}) {
		s.Message = plain(body)
	}
	if n, err := strconv.Atoi(s.Code); err == nil && n >= 400 && n < 600 && s.Status == 0 {
		s.Status = n
	}
	return s
}

func inner(c *raw.Cursor, s *Said) {
	for c.Object(); ; {
		key, ok := c.Key()
		if !ok {
			return
		}
		switch string(key) {
		case "message":
			s.Message = c.TextIf()
		case "type":
			s.Type = word(c)
		case "code":
			s.Code = word(c)
		case "param":
			s.Param = c.TextIf()
		case "status_code":
			s.Status = int(c.Count())
		case "status": // Google's word
			if w := c.TextIf(); s.Type == "" {
				s.Type = w
			}
		case "details":
			details(c, s)
		case "metadata":
			if c.Kind() == '{' {
				metadata(c, s)
			} else {
				c.Skip()
			}
		default:
			c.Skip()
		}
	}
}

// metadata holds the upstream's own text where OpenRouter says no more than
// "Provider returned error".
func metadata(c *raw.Cursor, s *Said) {
	for c.Object(); ; {
		key, ok := c.Key()
		if !ok {
			return
		}
		if string(key) == "raw" && c.Kind() == '"' {
			if t := c.Text(); t != "" {
				s.Message += ": " + t
			}
		} else {
			c.Skip()
		}
	}
}

// details are Google's; one of them says how long to wait (google.rpc.RetryInfo), and
// one what is used up (google.rpc.QuotaFailure).
func details(c *raw.Cursor, s *Said) {
	if c.Kind() != '[' {
		c.Skip()
		return
	}
	for c.List(); c.More(); {
		if c.Kind() != '{' {
			c.Skip()
			continue
		}
		for c.Object(); ; {
			key, ok := c.Key()
			if !ok {
				break
			}
			switch {
			case string(key) == "retryDelay":
				s.RetryAfter = Delay(c.TextIf())
			case string(key) == "violations" && c.Kind() == '[':
				violations(c, s)
			default:
				c.Skip()
			}
		}
	}
}

// violations name the quotas, such as GenerateRequestsPerDayPerProjectPerModel-FreeTier.
func violations(c *raw.Cursor, s *Said) {
	for c.List(); c.More(); {
		if c.Kind() != '{' {
			c.Skip()
			continue
		}
		for c.Object(); ; {
			key, ok := c.Key()
			if !ok {
				break
			}
			if string(key) == "quotaId" {
				id := c.TextIf()
				s.Daily = s.Daily || strings.Contains(id, "PerDay")
			} else {
				c.Skip()
			}
		}
	}
}

// word takes a string or a number.
func word(c *raw.Cursor) string {
	if c.Kind() == '0' {
		return string(c.Raw())
	}
	return c.TextIf()
}

// plain is what a body that is no JSON says, cut to what a log line can bear.
func plain(body []byte) string {
	s := strings.Join(strings.Fields(string(body[:min(len(body), 1000)])), " ")
	return strings.ToValidUTF8(s[:min(len(s), 300)], "")
}
