package fakecloud

import (
	"bytes"
	"encoding/json"
	"net/http"
	"sort"
	"strconv"
	"sync"

	"github.com/skein-run/skein/internal/price"
)

// tableStore holds tables of documents. An item remembers for ever which command
// created it, and is created at most once.
type tableStore struct {
	mu     sync.Mutex
	tables map[string]map[string]stored
}

type stored struct {
	Item    json.RawMessage `json:"item"`
	Command string          `json:"command"`
}

// Sizes of the units in which a table is billed.
const (
	writeUnit = 1 << 10
	readUnit  = 4 << 10
)

// putItem creates an item if its key is free.
func (s *Server) putItem(r *http.Request, body []byte) outcome {
	out := outcome{line: Line{Readings: map[string]int64{}}}
	keyField := r.URL.Query().Get("key")
	var in struct {
		Item json.RawMessage `json:"item"`
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(body, &in); err != nil {
		return out.fail(http.StatusBadRequest, "the body is not JSON: "+err.Error())
	}
	if err := json.Unmarshal(in.Item, &members); err != nil || members == nil {
		return out.fail(http.StatusBadRequest, "the body has no object as its item")
	}
	var key string
	if err := json.Unmarshal(members[keyField], &key); err != nil || key == "" {
		return out.fail(http.StatusBadRequest, "the item has no text as its key "+strconv.Quote(keyField))
	}
	var item bytes.Buffer
	if err := json.Compact(&item, in.Item); err != nil {
		return out.fail(http.StatusBadRequest, "the item is not JSON: "+err.Error())
	}

	st := &s.tables
	st.mu.Lock()
	defer st.mu.Unlock()
	table := r.PathValue("table")
	command := r.Header.Get("X-Skein-Command")
	units := started(item.Len(), writeUnit) // a write that its condition refuses costs as much
	out.line.Resource, out.line.Bytes = table+"/"+key, int64(item.Len())
	out.line.Readings[string(price.MeterWriteUnits)] = units
	out.header = map[string]string{"X-Consumed-Write-Units": strconv.FormatInt(units, 10)}
	if was, ok := st.tables[table][key]; ok {
		out.line.Duplicate = was.Command == command
		out.status, out.body = http.StatusConflict, mustJSON(was)
		return out
	}
	if st.tables == nil {
		st.tables = map[string]map[string]stored{}
	}
	if st.tables[table] == nil {
		st.tables[table] = map[string]stored{}
	}
	now := stored{Item: item.Bytes(), Command: command}
	st.tables[table][key] = now
	out.line.Done = true
	out.status, out.body = http.StatusCreated, mustJSON(now)
	return out
}

func (s *Server) getItem(r *http.Request, _ []byte) outcome {
	st := &s.tables
	st.mu.Lock()
	defer st.mu.Unlock()
	was, ok := st.tables[r.PathValue("table")][r.PathValue("key")]
	out := readOutcome(len(was.Item))
	if !ok {
		return out.fail(http.StatusNotFound, "there is no item "+r.PathValue("key"))
	}
	out.status, out.body = http.StatusOK, mustJSON(was)
	return out
}

// scanItems answers items in the order of their keys, at most limit, 100 where
// none is stated.
func (s *Server) scanItems(r *http.Request, _ []byte) outcome {
	limit := 100
	if text := r.URL.Query().Get("limit"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 {
			return outcome{}.fail(http.StatusBadRequest, "limit "+strconv.Quote(text)+" is not a number above 0")
		}
		limit = n
	}
	st := &s.tables
	st.mu.Lock()
	defer st.mu.Unlock()
	table := st.tables[r.PathValue("table")]
	keys := make([]string, 0, len(table))
	for k := range table {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	items, size := []stored{}, 0
	for _, k := range keys[:min(limit, len(keys))] {
		items = append(items, table[k])
		size += len(table[k].Item)
	}
	out := readOutcome(size)
	out.status, out.body = http.StatusOK, mustJSON(map[string]any{"items": items})
	return out
}

func readOutcome(size int) outcome {
	units := started(size, readUnit)
	return outcome{
		line:   Line{Bytes: int64(size), Readings: map[string]int64{string(price.MeterReadUnits): units}},
		header: map[string]string{"X-Consumed-Read-Units": strconv.FormatInt(units, 10)},
	}
}
