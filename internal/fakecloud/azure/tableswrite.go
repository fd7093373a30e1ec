package azure

import (
	"encoding/base64"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/skein-run/skein/internal/fakecloud/standin"
)

func (s *tables) insert(r *standin.Request, p place, t *entityTable) standin.Outcome {
	members, k, bad := readEntity(r.Body)
	if bad == nil && !hasKeys(r.Body) {
		bad = &refusal{status: http.StatusBadRequest, code: "PropertiesNeedValue", message: "The values are not specified for all properties in the entity."}
	}
	if bad == nil {
		bad = checkKeys(k)
	}
	if bad != nil {
		return s.fail(r, *bad)
	}
	resource := p.name + "/" + k.partition + "/" + k.row
	if was := t.rows[k]; was != nil {
		_, command := standin.Effect(r.Request)
		out := s.fail(r, refusal{status: http.StatusConflict, code: "EntityAlreadyExists", message: "The specified entity already exists."})
		out.Resource, out.Bytes, out.Duplicate = resource, int64(len(r.Body)), command != "" && was.command == command
		return out
	}
	w := s.keep(r, t, k, members)
	header := map[string]string{"ETag": w.etag, "Content-Type": odata(r),
		"Location": r.Address + "/tables/" + p.account + "/" + p.name + "(PartitionKey='" + k.partition + "',RowKey='" + k.row + "')"}
	out := s.answer(r, http.StatusCreated, toJSON(w.shown(r, k)), header)
	if r.Header.Get("Prefer") == "return-no-content" {
		out.Status, out.Body = http.StatusNoContent, nil
		out.Header["Preference-Applied"] = "return-no-content"
	}
	out.Resource, out.Bytes, out.Done = resource, int64(len(r.Body)), true
	return out
}

// hasKeys says that an entity names both keys.
func hasKeys(body []byte) bool {
	return strings.Contains(string(body), `"PartitionKey"`) && strings.Contains(string(body), `"RowKey"`)
}

// change replaces an entity or merges into it. With If-Match it must be there, and be
// of that version unless that is *; without, it is made where there is none.
func (s *tables) change(r *standin.Request, p place, t *entityTable, k rowKey) standin.Outcome {
	members, inBody, bad := readEntity(r.Body)
	if bad == nil && (inBody.partition != "" && inBody.partition != k.partition || inBody.row != "" && inBody.row != k.row) {
		bad = &refusal{status: http.StatusBadRequest, code: "InvalidInput", message: "The keys in the body are not those of the address."}
	}
	if bad == nil {
		bad = checkKeys(k)
	}
	if bad == nil && r.Header.Get("If-None-Match") != "" {
		bad = &refusal{status: http.StatusBadRequest, code: "InvalidInput", message: "If-None-Match is not supported by this operation."}
	}
	if bad != nil {
		return s.fail(r, *bad)
	}
	was := t.rows[k]
	if out := s.condition(r, was, r.Header.Get("If-Match")); out != nil {
		return *out
	}
	if p.op == "MergeEntity" && was != nil {
		merged := maps.Clone(was.members)
		for name := range members {
			delete(merged, name+"@odata.type")
		}
		maps.Copy(merged, members)
		members = merged
	}
	w := s.keep(r, t, k, members)
	out := s.answer(r, http.StatusNoContent, nil, map[string]string{"ETag": w.etag})
	out.Bytes, out.Done = int64(len(r.Body)), true
	return out
}

// condition is the refusal of a change whose If-Match does not hold.
func (s *tables) condition(r *standin.Request, was *row, match string) *standin.Outcome {
	var out standin.Outcome
	switch {
	case match == "":
		return nil
	case was == nil:
		out = s.fail(r, rowNotFound)
	case match != "*" && match != was.etag:
		_, command := standin.Effect(r.Request)
		out = s.fail(r, rowChanged)
		out.Bytes, out.Duplicate = int64(len(r.Body)), command != "" && was.command == command
	default:
		return nil
	}
	return &out
}

func (s *tables) remove(r *standin.Request, t *entityTable, k rowKey) standin.Outcome {
	match := r.Header.Get("If-Match")
	if match == "" {
		return s.fail(r, *missingHeader("If-Match"))
	}
	if out := s.condition(r, t.rows[k], match); out != nil {
		return *out
	}
	delete(t.rows, k)
	out := s.answer(r, http.StatusNoContent, nil, nil)
	out.Done = true
	return out
}

const mostRows = 1000

// query answers one page of the entities that a filter finds, in the order of their keys.
func (s *tables) query(r *standin.Request, t *entityTable) standin.Outcome {
	q := r.URL.Query()
	filter, err := parseFilter(q.Get("$filter"))
	if err != nil {
		return s.fail(r, refusal{status: http.StatusBadRequest, code: "InvalidInput", message: "A syntax error in $filter: " + err.Error()})
	}
	most := mostRows
	if text := q.Get("$top"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > mostRows {
			return s.fail(r, refusal{status: http.StatusBadRequest, code: "InvalidInput", message: "The value of $top is not a number from 1 to 1000."})
		}
		most = n
	}
	from := rowKey{partition: unmark(q.Get("NextPartitionKey")), row: unmark(q.Get("NextRowKey"))}
	keys := []rowKey{}
	for k, w := range t.rows {
		if !less(k, from) && filter.holds(k, w) {
			keys = append(keys, k)
		}
	}
	slices.SortFunc(keys, compareKeys)
	header := map[string]string{"Content-Type": odata(r)}
	if len(keys) > most {
		header["x-ms-continuation-NextPartitionKey"], header["x-ms-continuation-NextRowKey"] = mark(keys[most].partition), mark(keys[most].row)
		keys = keys[:most]
	}
	list := []map[string]any{}
	for _, k := range keys {
		one := t.rows[k].shown(r, k)
		if names := q.Get("$select"); names != "" && names != "*" {
			one = chosen(one, strings.Split(names, ","))
		}
		list = append(list, one)
	}
	body := toJSON(map[string]any{"value": list})
	out := s.answer(r, http.StatusOK, body, header)
	out.Bytes = int64(len(body))
	return out
}

func chosen(one map[string]any, names []string) map[string]any {
	out := map[string]any{}
	for _, name := range names {
		name = strings.TrimSpace(name)
		for _, n := range []string{name, name + "@odata.type", "odata.etag"} {
			if v, ok := one[n]; ok {
				out[n] = v
			}
		}
	}
	return out
}

func compareKeys(a, b rowKey) int {
	if n := strings.Compare(a.partition, b.partition); n != 0 {
		return n
	}
	return strings.Compare(a.row, b.row)
}

func less(a, b rowKey) bool { return compareKeys(a, b) < 0 }

// mark makes a continuation token of a key, in the form of the service's own.
func mark(key string) string {
	return "1!" + strconv.Itoa(len(key)) + "!" + base64.URLEncoding.EncodeToString([]byte(key))
}

func unmark(token string) string {
	parts := strings.SplitN(token, "!", 3)
	if len(parts) != 3 {
		return ""
	}
	key, err := base64.URLEncoding.DecodeString(parts[2])
	if err != nil {
		return ""
	}
	return string(key)
}
