package storetest

import "testing"

// Run checks that what open opens is a store.
func Run(t *testing.T, open Open) {
	for _, c := range []struct {
		name string
		f    func(*testing.T, Open)
	}{
		{"RecordsGetConsecutiveNumbers", consecutive},
		{"RecordsArePickedByFilter", filtered},
		{"StreamsHaveNoGapAndNoRepeat", ordered},
		{"AnOldOwnerIsFenced", fenced},
		{"LateRecordsOutsideTheOrderAreKept", outsideOrder},
		{"ABatchIsWholeOrNothing", whole},
		{"ARefusedBatchHarmsNoNeighbour", neighbours},
		{"ASumThatIsRefusedHarmsNoNeighbour", refusedSums},
		{"MalformedBatchesAreRefused", malformed},
		{"CallbacksComeInTheOrderOfCommits", callbacks},
		{"ABatchStaysTheCallers", untouched},
		{"PayloadsComeBack", payloads},
		{"ThePayloadThatCameFirstStays", firstPayload},
		{"ViewsFollowCommits", viewsFollow},
		{"ViewsCanBeFoldedAgain", viewsRebuild},
		{"AReaderKeepsItsSnapshot", snapshot},
		{"ValuesComeBackFromViews", values},
		{"WaitSeesTheNextCommit", waits},
		{"AnEndedContextCommitsNothing", endedContext},
		{"AClosedStoreSaysSo", closed},
		{"RandomBatchesMeanWhatTheModelSays", random},
	} {
		t.Run(c.name, func(t *testing.T) { c.f(t, open) })
	}
}
