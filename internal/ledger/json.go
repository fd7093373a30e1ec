package ledger

import (
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/skein-run/skein/internal/money"
)

// A bill that was asked for over HTTP is read back from JSON, whose decimals are
// text. What lines and sums also hold as numbers is filled in from that text, so
// that a bill from afar adds up and prints as one from here does.

// UnmarshalJSON implements [json.Unmarshaler].
func (l *Line) UnmarshalJSON(b []byte) error {
	type plain Line // without this method
	if err := json.Unmarshal(b, (*plain)(l)); err != nil {
		return err
	}
	var err error
	if l.cost, err = readCost(l.Cost, l.Currency); err != nil {
		return fmt.Errorf("read line %s of a bill: %w", l.ID, err)
	}
	if l.quantity, err = readCount(l.Quantity); err != nil {
		return fmt.Errorf("read line %s of a bill: %w", l.ID, err)
	}
	return nil
}

// UnmarshalJSON implements [json.Unmarshaler].
func (t *Total) UnmarshalJSON(b []byte) error {
	type plain Total
	if err := json.Unmarshal(b, (*plain)(t)); err != nil {
		return err
	}
	var err error
	if t.cost, err = readCost(t.Cost, t.Currency); err != nil {
		return fmt.Errorf("read a total of a bill: %w", err)
	}
	return nil
}

// UnmarshalJSON implements [json.Unmarshaler]. The order in which a row's keys
// were asked for is not in JSON; [Bill.Group] makes rows anew.
func (r *Row) UnmarshalJSON(b []byte) error {
	type plain Row
	if err := json.Unmarshal(b, (*plain)(r)); err != nil {
		return err
	}
	var err error
	if r.cost, err = readCost(r.Cost, r.Currency); err != nil {
		return fmt.Errorf("read a row of a bill: %w", err)
	}
	return nil
}

// UnmarshalJSON implements [json.Unmarshaler].
func (q *Quantity) UnmarshalJSON(b []byte) error {
	type plain Quantity
	if err := json.Unmarshal(b, (*plain)(q)); err != nil {
		return err
	}
	var err error
	if q.n, err = readCount(q.Quantity); err != nil {
		return fmt.Errorf("read a quantity of a bill: %w", err)
	}
	return nil
}

func readCost(cost, currency string) (money.Amount, error) {
	c, err := money.ParseCurrency(currency)
	if err != nil {
		return money.Amount{}, err
	}
	return money.Parse(cost, c)
}

func readCount(s string) (int64, error) {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("quantity %q is no whole number", s)
	}
	return n, nil
}
