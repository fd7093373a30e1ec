package gateway

import "hash/maphash"

// A provider's prompt cache is warm for a request that begins as an earlier one did.
// What a request begins with is told by hashes of its first 4 KiB, 8 KiB and so on,
// each made of the one before it and the bytes between:
//
//	every  4 KiB up to  64 KiB   16 of them
//	every 16 KiB up to 512 KiB   28
//	every 64 KiB up to 1.75 MiB  20
//
// The longest one that two requests share says how much of the prompt they have in
// common. The offsets are the same for every request, so no two need be compared.
const (
	mostBeginnings = 64

	fineStep, fineEnd     = 4 << 10, 64 << 10
	middleStep, middleEnd = 16 << 10, 512 << 10
	coarseStep            = 64 << 10
)

// prefixSeed is the process's own: nobody outside can make two beginnings look alike.
var prefixSeed = maphash.MakeSeed()

// beginnings are the hashes of a body's beginnings, the shortest first.
type beginnings [mostBeginnings]uint64

func (p *beginnings) of(body []byte) []uint64 {
	n, at := 0, 0
	var sum uint64
	for n < mostBeginnings {
		next := at + prefixStep(at)
		if next > len(body) {
			break
		}
		sum = mix(sum, maphash.Bytes(prefixSeed, body[at:next]))
		p[n] = sum
		n, at = n+1, next
	}
	return p[:n]
}

func prefixStep(at int) int {
	switch {
	case at < fineEnd:
		return fineStep
	case at < middleEnd:
		return middleStep
	}
	return coarseStep
}

// mix makes one hash of two in their order. The first is multiplied by an odd number,
// so none is lost.
func mix(before, piece uint64) uint64 {
	h := before*0x9E3779B97F4A7C15 ^ piece
	h ^= h >> 32
	return h * 0xD6E8FEB86659FD93
}
