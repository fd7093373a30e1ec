package sqldb

import "strings"

// What a query may call beyond the data that its database was opened for: a text that
// another database runs, and models, which cost what nobody counts here.

// bqJudge refuses queries of BigQuery's that ask others.
func bqJudge(st *statement) error {
	for i, t := range st.tokens[:len(st.tokens)-1] {
		next := st.tokens[i+1]
		switch {
		case t.names() && lower(t.text) == "external_query" && next.is("("):
			return refuse("EXTERNAL_QUERY is not allowed: it has another database run a text, which nobody has looked at")
		case t.names() && (lower(t.text) == "ai" || lower(t.text) == "ml") && next.is(".") && i+3 < len(st.tokens) && st.tokens[i+3].is("("):
			return refuse("the functions of %s are not called: models cost what is not counted here", strings.ToUpper(t.text))
		case t.is("|") && next.is(">") && i+2 < len(st.tokens) && st.tokens[i+2].is("export", "create", "insert"):
			return refuse("%s behind |> is not allowed: a query only reads", strings.ToUpper(st.tokens[i+2].text))
		}
	}
	return nil
}

// athenaJudge refuses those of Athena's.
// https://docs.aws.amazon.com/athena/latest/ug/federated-query-passthrough.html
func athenaJudge(st *statement) error {
	for i, t := range st.tokens {
		if t.names() && lower(t.text) == "query" && i > 0 && st.tokens[i-1].is(".") && i+1 < len(st.tokens) && st.tokens[i+1].is("(") {
			return refuse("system.query is not allowed: it has another database run a text, which nobody has looked at")
		}
	}
	return nil
}
