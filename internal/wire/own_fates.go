package wire

import "github.com/skein-run/skein/internal/llm"

// The makers of rows for the tables of formats' own members.

func ownOf(from llm.Format, holder string, class LossClass, note string, paths ...string) []ExtraFate {
	rows := make([]ExtraFate, len(paths))
	for i, path := range paths {
		rows[i] = ExtraFate{From: from, Holder: holder, Path: path, Fate: Fate{class, note}}
	}
	return rows
}

func ownBut(from llm.Format, holder, path string, class LossClass, note string, neutral ...string) []ExtraFate {
	return []ExtraFate{{From: from, Holder: holder, Path: path, Neutral: neutral, Fate: Fate{class, note}}}
}

func rowsOf(groups ...[]ExtraFate) (rows []ExtraFate) {
	for _, g := range groups {
		rows = append(rows, g...)
	}
	return rows
}
