package aws

import (
	"errors"
	"math/big"
	"regexp"
	"strconv"
	"strings"
)

// number is one of DynamoDB's: 0.DIGITS × 10^exp, without zeros at either end of the
// digits; none are zero. Two that are equal are the same structure.
type number struct {
	negative bool
	digits   string
	exp      int
}

// Limits of numbers.
const (
	mostDigits = 38
	mostExp    = 126  // below 10^126
	leastExp   = -129 // from 10^-130 on
)

var numeral = regexp.MustCompile(`^([+-]?)(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d{1,9}))?$`)

// readNumber reads a numeral; its error is DynamoDB's message.
func readNumber(text string) (number, error) {
	m := numeral.FindStringSubmatch(text)
	if m == nil || m[2]+m[3] == "" {
		return number{}, invalid("The parameter cannot be converted to a numeric value: %s", text)
	}
	exp := 0
	if m[4] != "" {
		exp, _ = strconv.Atoi(m[4]) // the pattern lets nothing else through
	}
	exp += len(m[2])
	digits := m[2] + m[3]
	short := strings.TrimLeft(digits, "0")
	exp -= len(digits) - len(short)
	short = strings.TrimRight(short, "0")
	switch {
	case short == "":
		return number{}, nil
	case len(short) > mostDigits:
		return number{}, invalid("Attempting to store more than 38 significant digits in a Number")
	case exp > mostExp:
		return number{}, invalid("Number overflow. Attempting to store a number with magnitude larger than supported range")
	case exp < leastExp:
		return number{}, invalid("Number underflow. Attempting to store a number with magnitude smaller than supported range")
	}
	return number{m[1] == "-", short, exp}, nil
}

// String is the number in full, as DynamoDB gives it back.
func (n number) String() string {
	if n.digits == "" {
		return "0"
	}
	var b strings.Builder
	if n.negative {
		b.WriteByte('-')
	}
	switch {
	case n.exp <= 0:
		b.WriteString("0." + strings.Repeat("0", -n.exp) + n.digits)
	case n.exp >= len(n.digits):
		b.WriteString(n.digits + strings.Repeat("0", n.exp-len(n.digits)))
	default:
		b.WriteString(n.digits[:n.exp] + "." + n.digits[n.exp:])
	}
	return b.String()
}

// size is what the number takes in an item: a byte for two digits, one for the
// exponent, and one for a minus.
func (n number) size() int {
	size := 1 + (len(n.digits)+1)/2
	if n.negative {
		size++
	}
	return size
}

func (n number) compare(m number) int {
	sign := func(n number) int {
		switch {
		case n.digits == "":
			return 0
		case n.negative:
			return -1
		}
		return 1
	}
	a, b := sign(n), sign(m)
	switch {
	case a != b:
		return a - b
	case n.exp != m.exp:
		return a * (n.exp - m.exp)
	}
	return a * strings.Compare(n.digits, m.digits)
}

// add is n + m, exactly.
func (n number) add(m number) (number, error) {
	low := min(n.exp-len(n.digits), m.exp-len(m.digits))
	if max(n.exp, m.exp)-low > 3*mostDigits && n.digits != "" && m.digits != "" {
		return number{}, invalid("Attempting to store more than 38 significant digits in a Number")
	}
	a, b := n.scaled(low), m.scaled(low)
	sum, ok := plus(a, b)
	if !ok {
		return number{}, errors.New("the sum is not a number")
	}
	return readNumber(sum + "e" + strconv.Itoa(low))
}

// negated is -n.
func (n number) negated() number {
	n.negative = !n.negative && n.digits != ""
	return n
}

// scaled is the number as an integer of 10^low.
func (n number) scaled(low int) string {
	if n.digits == "" {
		return "0"
	}
	s := n.digits + strings.Repeat("0", n.exp-len(n.digits)-low)
	if n.negative {
		s = "-" + s
	}
	return s
}

// plus adds two integers.
func plus(a, b string) (string, bool) {
	x, ok := new(big.Int).SetString(a, 10)
	y, also := new(big.Int).SetString(b, 10)
	if !ok || !also {
		return "", false
	}
	return x.Add(x, y).String(), true
}
