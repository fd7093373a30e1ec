package ledger_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/skein-run/skein/internal/ledger"
)

func TestABillReadFromJSONPrintsAndAddsUpAsBefore(t *testing.T) {
	b := bill(t, sampleBill(t), ledger.Query{})
	text, err := json.Marshal(b)
	if err != nil {
		t.Fatal(err)
	}
	var far ledger.Bill
	if err := json.Unmarshal(text, &far); err != nil {
		t.Fatal(err)
	}
	for _, by := range [][]ledger.Dimension{nil, {"cloud", "service", "sku"}, {"customer"}} {
		var here, there bytes.Buffer
		if err := b.WriteTable(&here, by...); err != nil {
			t.Fatal(err)
		}
		if err := far.WriteTable(&there, by...); err != nil {
			t.Fatal(err)
		}
		if here.String() != there.String() {
			t.Errorf("by %v:\n%s\nwant:\n%s", by, &there, &here)
		}
	}
	rows, err := b.Group("service")
	if err != nil {
		t.Fatal(err)
	}
	text, err = json.Marshal(rows)
	if err != nil {
		t.Fatal(err)
	}
	var again []ledger.Row
	if err := json.Unmarshal(text, &again); err != nil {
		t.Fatal(err)
	}
	for i := range rows {
		if rows[i].Amount() != again[i].Amount() || rows[i].Quantities[0].Count() != again[i].Quantities[0].Count() {
			t.Errorf("row %d was %+v and is %+v", i, rows[i], again[i])
		}
	}
}

func TestABillWhoseNumbersCannotBeReadIsRefused(t *testing.T) {
	for _, text := range []string{
		`{"lines":[{"id":"call_1/1#1","quantity":"1.5","cost":"1","currency":"USD"}]}`,
		`{"lines":[{"id":"call_1/1#1","quantity":"1","cost":"much","currency":"USD"}]}`,
		`{"totals":[{"cost":"1","currency":"dollars"}]}`,
	} {
		var b ledger.Bill
		if err := json.Unmarshal([]byte(text), &b); err == nil || !strings.Contains(err.Error(), "of a bill") {
			t.Errorf("%s: %v", text, err)
		}
	}
}
