package api

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"

	"github.com/skein-run/skein/internal/price"
)

// ReadConfirmations reads a JSON array of confirmations, or one a line. A mistake
// is an *[Error] that names the place.
func ReadConfirmations(body []byte) ([]Confirmation, error) {
	if trimmed := bytes.TrimLeft(body, " \t\r\n"); len(trimmed) > 0 && trimmed[0] == '[' {
		var all []Confirmation
		d := json.NewDecoder(bytes.NewReader(trimmed))
		d.DisallowUnknownFields()
		if err := d.Decode(&all); err != nil {
			return nil, badConfirmation("body", err)
		}
		if _, err := d.Token(); err != io.EOF {
			return nil, badConfirmation("body", fmt.Errorf("there is something after the array"))
		}
		return all, checkConfirmations(all)
	}
	var all []Confirmation
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	for {
		var c Confirmation
		err := d.Decode(&c)
		if err == io.EOF {
			return all, checkConfirmations(all)
		}
		if err != nil {
			return nil, badConfirmation(fmt.Sprintf("body[%d]", len(all)), err)
		}
		all = append(all, c)
	}
}

// maxQuantity is how much one reading can hold; with any price it is an amount that
// money can hold.
const maxQuantity = 1 << 50

// UnmarshalJSON reads a confirmation as Skein writes one, or as a service's own
// usage export has it: readings by the names of meters, and whatever it says of
// itself besides.
func (c *Confirmation) UnmarshalJSON(b []byte) error {
	var raw struct {
		ID         string          `json:"id"`
		UpstreamID string          `json:"upstream_id"`
		Service    string          `json:"service"`
		Readings   json.RawMessage `json:"readings"`
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(&raw); err != nil {
		return err
	}
	*c = Confirmation{ID: raw.ID, UpstreamID: raw.UpstreamID}
	if !bytes.HasPrefix(bytes.TrimSpace(raw.Readings), []byte("{")) {
		if len(raw.Readings) == 0 {
			return nil
		}
		return json.Unmarshal(raw.Readings, &c.Readings)
	}
	var meters map[price.Meter]int64
	if err := json.Unmarshal(raw.Readings, &meters); err != nil {
		return fmt.Errorf("readings: want a quantity for each meter: %w", err)
	}
	for _, m := range slices.Sorted(maps.Keys(meters)) {
		c.Readings = append(c.Readings, price.Reading{Meter: m, Quantity: meters[m], Source: price.Reported})
	}
	return nil
}

func checkConfirmations(all []Confirmation) error {
	if len(all) == 0 {
		return badConfirmation("body", fmt.Errorf("there are none"))
	}
	for i, c := range all {
		if c.ID == "" {
			return badConfirmation(fmt.Sprintf("body[%d].id", i), fmt.Errorf("is missing"))
		}
		for j, r := range c.Readings {
			switch place := fmt.Sprintf("body[%d].readings[%d]", i, j); {
			case r.Meter == "":
				return badConfirmation(place+".meter", fmt.Errorf("is missing"))
			case r.Quantity < 0:
				return badConfirmation(place+".quantity", fmt.Errorf("%d is less than nothing", r.Quantity))
			case r.Quantity > maxQuantity:
				return badConfirmation(place+".quantity", fmt.Errorf("%d is more than anything consumes", r.Quantity))
			}
		}
	}
	return nil
}

func badConfirmation(field string, err error) *Error {
	return &Error{
		Status: http.StatusUnprocessableEntity, Field: field, Message: err.Error(),
		Mend: `send {"id": "call_…/1", "readings": [{"meter": "input", "quantity": 12}]}, in an array or one a line`,
	}
}
