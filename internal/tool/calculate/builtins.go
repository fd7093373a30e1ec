package calculate

import (
	"errors"
	"fmt"
	"math"
	"math/big"
	"strconv"
	"strings"

	"go.starlark.net/starlark"
)

// round(x, n) rounds to n decimal places, halves away from zero, in decimal: it
// goes by the digits that x is written with, so that round(2.675, 2) is 2.68 as
// on paper, not 2.67 as in binary. Without n the result is a whole number.
func round(_ *starlark.Thread, _ *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var x starlark.Value
	var places starlark.Value = starlark.None
	if err := starlark.UnpackArgs("round", args, kwargs, "x", &x, "n?", &places); err != nil {
		return nil, err
	}
	n := 0
	if places != starlark.None {
		var err error
		if n, err = starlark.AsInt32(places); err != nil || n < -300 || n > 300 {
			return nil, fmt.Errorf("round: n is %s, and a number of decimal places is wanted", plain(places))
		}
	}
	exact := new(big.Rat)
	switch x := x.(type) {
	case starlark.Int:
		if x.BigInt().BitLen() > mostBits {
			return nil, errBits
		}
		if n >= 0 {
			return x, nil
		}
		exact.SetInt(x.BigInt())
		whole := rounded(exact, n)
		return starlark.MakeBigInt(new(big.Int).Quo(whole.Num(), whole.Denom())), nil
	case starlark.Float:
		f := float64(x)
		if math.IsInf(f, 0) || math.IsNaN(f) {
			return nil, errors.New("round: x is not a finite number")
		}
		if _, ok := exact.SetString(strconv.FormatFloat(f, 'f', -1, 64)); !ok {
			return nil, errors.New("round: x is not a number")
		}
	default:
		return nil, fmt.Errorf("round: x is a %s, and a number is wanted", x.Type())
	}
	r := rounded(exact, n)
	if places == starlark.None {
		return starlark.MakeBigInt(r.Num()), nil
	}
	f, _ := r.Float64()
	return starlark.Float(f), nil
}

// rounded is x in whole units of 10⁻ⁿ.
func rounded(x *big.Rat, n int) *big.Rat {
	power := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(max(n, -n))), nil)
	scale := new(big.Rat).SetInt(power)
	if n < 0 {
		scale.Inv(scale)
	}
	up := new(big.Rat).Mul(new(big.Rat).Abs(x), scale)
	up.Add(up, big.NewRat(1, 2))
	whole := new(big.Int).Quo(up.Num(), up.Denom())
	if x.Sign() < 0 {
		whole.Neg(whole)
	}
	return new(big.Rat).Quo(new(big.Rat).SetInt(whole), scale)
}

// sum adds up numbers, from left to right.
func sum(_ *starlark.Thread, _ *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var list starlark.Iterable
	if err := starlark.UnpackArgs("sum", args, kwargs, "x", &list); err != nil {
		return nil, err
	}
	var total starlark.Value = starlark.MakeInt(0)
	for v := range starlark.Elements(list) {
		a, b, err := numbers(total, v)
		if err != nil {
			return nil, err
		}
		if a != nil {
			total = starlark.MakeBigInt(a.Add(a, b))
			continue
		}
		x, _ := starlark.AsFloat(total)
		y, _ := starlark.AsFloat(v)
		total = starlark.Float(x + y)
	}
	return total, nil
}

// numbers is two whole numbers, or nil where one of the two is a float.
func numbers(x, y starlark.Value) (a, b *big.Int, err error) {
	i, ok1 := x.(starlark.Int)
	j, ok2 := y.(starlark.Int)
	if ok1 && ok2 {
		return i.BigInt(), j.BigInt(), nil
	}
	if _, ok := starlark.AsFloat(y); !ok {
		return nil, nil, fmt.Errorf("sum: there is a %s among the numbers", y.Type())
	}
	return nil, nil, nil
}

func str(_ *starlark.Thread, _ *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var x starlark.Value
	if err := starlark.UnpackPositionalArgs("str", args, kwargs, 1, &x); err != nil {
		return nil, err
	}
	return starlark.String(plain(x)), nil
}

func printLine(t *starlark.Thread, _ *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	sep := " "
	if err := starlark.UnpackArgs("print", nil, kwargs, "sep?", &sep); err != nil {
		return nil, err
	}
	if int64(len(sep))*int64(len(args)) > mostPrinted {
		return nil, errTooLarge
	}
	words := make([]string, len(args))
	for i, a := range args {
		words[i] = plain(a)
	}
	t.Print(t, strings.Join(words, sep))
	return starlark.None, nil
}

// plain is a value as text. Floats of a usual size stand without an exponent,
// which people and models misread.
func plain(v starlark.Value) string {
	if s, ok := starlark.AsString(v); ok {
		return s
	}
	var b strings.Builder
	write(&b, v)
	return b.String()
}

func write(b *strings.Builder, v starlark.Value) {
	each := func(opened, closed string, n int, at func(int) starlark.Value) {
		b.WriteString(opened)
		for i := range n {
			if i > 0 {
				b.WriteString(", ")
			}
			write(b, at(i))
		}
		b.WriteString(closed)
	}
	switch v := v.(type) {
	case starlark.Float:
		f := float64(v)
		if size := math.Abs(f); size == 0 || size >= 1e-6 && size < 1e15 {
			s := strconv.FormatFloat(f, 'f', -1, 64)
			if !strings.Contains(s, ".") {
				s += ".0"
			}
			b.WriteString(s)
			return
		}
		b.WriteString(v.String())
	case *starlark.List:
		each("[", "]", v.Len(), v.Index)
	case starlark.Tuple:
		if len(v) == 1 {
			each("(", ",)", 1, v.Index)
			return
		}
		each("(", ")", len(v), v.Index)
	case *starlark.Dict:
		b.WriteString("{")
		for i, item := range v.Items() {
			if i > 0 {
				b.WriteString(", ")
			}
			write(b, item[0])
			b.WriteString(": ")
			write(b, item[1])
		}
		b.WriteString("}")
	default:
		b.WriteString(v.String())
	}
}
