package table

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/skein-run/skein/internal/price"
	"github.com/skein-run/skein/internal/tool/effect"
)

// The most that requests can cost, in thousandths of a request unit. A point read of
// 1 KB is 1 RU and one of 100 KB about 10, a write of 1 KB about 5 and of 100 KB about
// 50, twice as much for reads under strong consistency, and more with each property
// that is indexed (https://learn.microsoft.com/azure/cosmos-db/request-units). So with
// room to spare: a read is 2 RU for each KB of the largest item, 2 MB; a write 100 RU
// for each KB, 200 at least; and a page of a query 10,000 RU, which is what a physical
// partition can do in a second.
const (
	cosmosMostRead  = 2 * 2048 * 1000
	cosmosMostQuery = 10_000 * 1000
	cosmosMostKB    = 100 * 1000
)

func cosmosMostWrite(bytes int) int64 { return cosmosMostKB * max(2, units(int64(bytes), 1<<10)) }

func cosmosCounts(request price.Meter, most int64) effect.Counts {
	return effect.Counts{Header: cosmosCharge, Request: []price.Reading{
		{Meter: request, Quantity: 1, Source: price.Counted},
		{Meter: price.MeterRequestUnits, Quantity: most, Source: price.Reported}}}
}

// cosmosCharge reads x-ms-request-charge, a decimal of at most three places.
func cosmosCharge(h http.Header) []price.Reading {
	whole, fraction, _ := strings.Cut(h.Get("x-ms-request-charge"), ".")
	milli, err := strconv.ParseInt(whole+(fraction + "000")[:3], 10, 64)
	if err != nil || milli <= 0 || milli > 1e12 {
		return nil
	}
	if strings.Trim(fraction[min(3, len(fraction)):], "0") != "" {
		milli++
	}
	return []price.Reading{{Meter: price.MeterRequestUnits, Quantity: milli, Source: price.Reported}}
}

func (t *cosmosTable) Bound(op Op, size Size) []price.Reading {
	headers := int64(1 << 10) // a bound of what is sent has room for keys and names
	switch op {
	case OpGet:
		return atMost(effect.Tries, price.MeterReads, price.MeterRequestUnits, cosmosMostRead, 0, mostAnswer)
	case OpQuery:
		return atMost(mostPages*effect.Tries, price.MeterReads, price.MeterRequestUnits, cosmosMostQuery, 4*headers, mostAnswer)
	}
	// A write, and the read of what stood in its way. A number that is marked has six
	// times the bytes.
	sent := 6*int64(size.Bytes) + 4*headers
	return []price.Reading{
		{Meter: price.MeterWrites, Quantity: effect.Tries, Source: price.Counted},
		{Meter: price.MeterReads, Quantity: effect.Tries, Source: price.Counted},
		{Meter: price.MeterRequestUnits, Quantity: effect.Tries * (cosmosMostWrite(int(sent)) + cosmosMostRead), Source: price.Reported},
		{Meter: price.MeterBytesSent, Quantity: effect.Tries * sent, Source: price.Counted},
		{Meter: price.MeterBytesRead, Quantity: effect.Tries * mostAnswer, Source: price.Counted},
	}
}
