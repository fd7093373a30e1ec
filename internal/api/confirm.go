package api

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
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
