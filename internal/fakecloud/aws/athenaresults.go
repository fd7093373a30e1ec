package aws

import (
	"strconv"

	"github.com/skein-run/skein/internal/fakecloud/standin"
)

type datum struct {
	VarCharValue *string `json:",omitempty"`
}

type row struct{ Data []datum }

func (c *Cloud) queryResults(k *call) standin.Outcome {
	var in struct {
		ID         string `json:"QueryExecutionId"`
		NextToken  string
		MaxResults *int
	}
	if out := k.decode(&in); out != nil {
		return *out
	}
	most := mostResultRows
	if in.MaxResults != nil {
		most = *in.MaxResults
	}
	from, err := strconv.Atoi("0" + in.NextToken)
	if most < 1 || most > mostResultRows || err != nil {
		return k.badRequest("MaxResults is 1 to 1000, and NextToken what the last answer gave")
	}
	c.athena.mu.Lock()
	defer c.athena.mu.Unlock()
	q, no := c.athena.find(k, in.ID)
	if no != nil {
		return *no
	}
	if state := q.state(); state != "SUCCEEDED" {
		return k.badRequest("Query did not finish successfully. Final query state: " + state)
	}
	var header row
	for i := range q.columns {
		header.Data = append(header.Data, datum{&q.columns[i].Name})
	}
	all := []row{header} // the first row of the first page has the names
	for _, r := range q.rows {
		var line row
		for _, text := range r {
			line.Data = append(line.Data, datum{text})
		}
		all = append(all, line)
	}
	page := all[min(from, len(all)):min(from+most, len(all))]
	answer := map[string]any{"UpdateCount": 0, "ResultSet": map[string]any{"Rows": page,
		"ResultSetMetadata": map[string]any{"ColumnInfo": q.columns}}}
	if from+most < len(all) {
		answer["NextToken"] = strconv.Itoa(from + most)
	}
	return k.json(answer)
}
