package sqldb

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
)

// The types of PostgreSQL that are more than a text, by their numbers in pg_type.
const (
	pgBool, pgBytea                        = 16, 17
	pgInt8, pgInt2, pgInt4, pgOID          = 20, 21, 23, 26
	pgJSONType, pgJSONB                    = 114, 3802
	pgFloat4, pgFloat8, pgNumeric          = 700, 701, 1700
	pgDate, pgTimestamp, pgTimestampTZ int = 1082, 1114, 1184
)

// pgParams are parameters as texts. The server finds out what type each is from
// where it stands, but for numbers with a fraction and truth values, which would
// otherwise be read as texts or refused beside integers.
func pgParams(params []any) (values [][]byte, types []uint32) {
	for _, p := range params {
		switch v := p.(type) {
		case nil:
			values, types = append(values, nil), append(types, 0)
		case string:
			values, types = append(values, []byte(v)), append(types, 0)
		case bool:
			values, types = append(values, fmt.Append(nil, v)), append(types, pgBool)
		case json.Number:
			t := uint32(0)
			if strings.ContainsAny(v.String(), ".eE") {
				t = pgNumeric
			}
			values, types = append(values, []byte(v)), append(types, t)
		}
	}
	return values, types
}

var number = regexp.MustCompile(`^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?$`)

// pgJSON appends a value, which the server wrote as text, as JSON. Numbers keep all
// their digits.
func pgJSON(b []byte, oid uint32, v []byte) ([]byte, error) {
	if v == nil {
		return append(b, "null"...), nil
	}
	switch int(oid) {
	case pgBool:
		if len(v) == 1 && v[0] == 't' {
			return append(b, "true"...), nil
		}
		return append(b, "false"...), nil
	case pgInt2, pgInt4, pgInt8, pgOID, pgFloat4, pgFloat8, pgNumeric:
		return appendNumber(b, v)
	case pgJSONType, pgJSONB:
		return appendJSON(b, v)
	case pgBytea:
		raw := make([]byte, hex.DecodedLen(max(0, len(v)-2)))
		if len(v) < 2 {
			return appendText(b, string(v))
		}
		if _, err := hex.Decode(raw, v[2:]); err != nil {
			return b, fmt.Errorf("read bytes: %w", err)
		}
		return appendBytes(b, raw), nil
	case pgTimestampTZ, pgTimestamp:
		return appendText(b, moment(string(v), int(oid) == pgTimestampTZ))
	}
	return appendText(b, string(v))
}

// appendNumber appends a number as it was written; NaN and the infinities, which
// JSON has not, as texts.
func appendNumber(b, v []byte) ([]byte, error) {
	if number.Match(v) {
		return append(b, v...), nil
	}
	return appendText(b, string(v))
}

func appendText(b []byte, s string) ([]byte, error) {
	t, err := jsonText(s)
	return append(b, t...), err
}

// appendJSON appends JSON without its blanks; what is none as a text.
func appendJSON(b, v []byte) ([]byte, error) {
	var compact bytes.Buffer
	if err := json.Compact(&compact, v); err != nil {
		return appendText(b, string(v))
	}
	return append(b, compact.Bytes()...), nil
}

func appendBytes(b, raw []byte) []byte {
	b = append(b, '"')
	b = base64.StdEncoding.AppendEncode(b, raw)
	return append(b, '"')
}

var isoMoment = regexp.MustCompile(`^(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d(?:\.\d+)?)(\+00)?$`)

// moment is a date and time as RFC 3339 writes it; one without a zone keeps having
// none, since any would be made up. What has no place there, such as infinity or a year
// before Christ, stays as it is.
func moment(s string, utc bool) string {
	m := isoMoment.FindStringSubmatch(s)
	if m == nil {
		return s
	}
	s = m[1] + "T" + m[2]
	if utc {
		s += "Z"
	}
	return s
}
