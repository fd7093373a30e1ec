package faults

import (
	"fmt"
	"slices"
	"strings"
)

// matrix are all cells, in their order.
type matrix []*cell

// heading is what a cell shares with those of other formats.
func (c *cell) heading() string {
	if c.streamed {
		return string(c.mode) + ", streamed"
	}
	return string(c.mode) + ", not streamed"
}

func (c *cell) name() string { return c.row.name + ", " + c.heading() + ", " + c.format.name }

const legend = `# Each line: what the client got and when it had all of it | the attempts that the
# deployments A and B saw, when, and how they ended for them | the tokens that were
# charged, of prompts + answers, "of" those that the stand-ins count; ~ some are estimates |
# where the first deployment fails: the rule that forbids a whole answer.
# Formats whose lines are the same share one. Time is virtual.
`

// String is the matrix as the golden file has it.
func (m matrix) String() string {
	var b strings.Builder
	b.WriteString(legend)
	for i := 0; i < len(m); {
		c := m[i]
		if i == 0 || m[i-1].row != c.row {
			fmt.Fprintf(&b, "\n%s\n", c.row.name)
		}
		fmt.Fprintf(&b, "  %s\n", c.heading())
		var lines []string
		of := map[string][]string{}
		for ; i < len(m) && m[i].row == c.row && m[i].heading() == c.heading(); i++ {
			line := m[i].String()
			if of[line] == nil {
				lines = append(lines, line)
			}
			of[line] = append(of[line], m[i].format.name)
		}
		for _, line := range lines {
			names := strings.Join(of[line], ", ")
			if len(of[line]) == len(formats) {
				names = "all"
			}
			fmt.Fprintf(&b, "    %s: %s\n", names, line)
		}
	}
	return b.String()
}

// shares is how often each outcome came, by fault, as a table.
func (m matrix) shares() string {
	var b strings.Builder
	b.WriteString("| what fails | the first deployment | both, every other time | both | why not whole, where one is well |\n|---|---|---|---|---|\n")
	for i := range rows {
		row := &rows[i]
		fmt.Fprintf(&b, "| %s |", row.name)
		var why []string
		for _, mode := range modes {
			var of matrix
			for _, c := range m {
				if c.row == row && c.mode == mode {
					of = append(of, c)
					if rule := c.rule(); rule != "" && c.got != whole && !slices.Contains(why, rule) {
						why = append(why, rule)
					}
				}
			}
			fmt.Fprintf(&b, " %s |", of.share())
		}
		fmt.Fprintf(&b, " %s |\n", strings.Join(why, "; "))
	}
	b.WriteString("| **all** |")
	for _, mode := range modes {
		var of matrix
		for _, c := range m {
			if c.mode == mode {
				of = append(of, c)
			}
		}
		fmt.Fprintf(&b, " %s |", of.percent())
	}
	b.WriteString(" |\n")
	return b.String()
}

func (m matrix) count(s share) (n int) {
	for _, c := range m {
		if c.got == s {
			n++
		}
	}
	return n
}

// words are the outcomes as the table has them.
var words = map[share]string{whole: "whole", short: "short", failure: "error"}

// share is one place of the table.
func (m matrix) share() string {
	var parts []string
	for _, s := range []share{whole, short, failure} {
		switch n := m.count(s); {
		case n == 0:
		case n == len(m):
			return words[s]
		default:
			parts = append(parts, fmt.Sprintf("%s %d of %d", words[s], n, len(m)))
		}
	}
	return strings.Join(parts, ", ")
}

// percent is the last row's.
func (m matrix) percent() string {
	var parts []string
	for _, s := range []share{whole, short, failure} {
		tenths := (1000*m.count(s) + len(m)/2) / max(len(m), 1)
		parts = append(parts, fmt.Sprintf("%s %d.%d %%", words[s], tenths/10, tenths%10))
	}
	return strings.Join(parts, ", ")
}

// difference is the first line in which two texts differ, from 1; 0 where they do not.
func difference(a, b string) (line int, left, right string) {
	as, bs := strings.Split(a, "\n"), strings.Split(b, "\n")
	for i := range max(len(as), len(bs)) {
		left, right = "", ""
		if i < len(as) {
			left = as[i]
		}
		if i < len(bs) {
			right = bs[i]
		}
		if left != right {
			return i + 1, left, right
		}
	}
	return 0, "", ""
}
