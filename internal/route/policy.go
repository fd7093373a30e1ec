package route

// Policy is a way to order the candidates of a tier that can serve.
type Policy uint8

// The policies.
const (
	Priority Policy = iota // in the order listed: the next one serves what those before it cannot
	Cheapest               // the least money expected for this request
	Fastest                // the least time expected until its end, as learned
	Balanced               // the less loaded of two drawn by chance, for its weight and latency
	Weighted               // by chance, in proportion to the weights
)

// Policies are the policies by their names in the configuration.
var Policies = map[string]Policy{
	"": Priority, "priority": Priority, "cheapest": Cheapest, "fastest": Fastest, "balanced": Balanced, "weighted": Weighted,
}

// String is the policy's name in the configuration.
func (p Policy) String() string {
	return [...]string{Priority: "priority", Cheapest: "cheapest", Fastest: "fastest", Balanced: "balanced", Weighted: "weighted"}[p]
}
