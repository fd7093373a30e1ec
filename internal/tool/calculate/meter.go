package calculate

import (
	"errors"
	"fmt"

	"go.starlark.net/lib/math"
	"go.starlark.net/starlark"
	"go.starlark.net/starlarkstruct"
	"go.starlark.net/syntax"
)

// Bounds of values and of the work on them, in bytes as [meter.size] counts.
const (
	mostSize  = 1 << 20  // of one value, with everything in it, as if it were printed
	mostWork  = 64 << 20 // of all values that were made or walked
	mostBits  = 4096     // of a whole number
	mostDepth = 50
	wordSize  = 16
)

// meter stops a program whose values become too large or too many.
type meter struct{ left int64 }

var (
	errTooLarge = errors.New("a value becomes too large")
	errTooDeep  = errors.New("a value is nested too deeply")
	errTooMuch  = errors.New("it is too much work")
	errBits     = fmt.Errorf("a whole number becomes larger than %d bits", mostBits)
)

// charge books the size of a value that is to be walked, or was made.
func (m *meter) charge(v starlark.Value) (int64, error) {
	n, err := size(v, mostSize, mostDepth)
	m.left -= n
	if err == nil && m.left < 0 {
		err = errTooMuch
	}
	return n, err
}

func (m *meter) chargeAll(vs ...starlark.Value) (sum int64, err error) {
	for _, v := range vs {
		n, err := m.charge(v)
		if err != nil {
			return sum, err
		}
		sum += n
	}
	return sum, nil
}

// size is how large a value is, with shared parts counted each time: that is
// what printing, comparing and hashing cost. It looks no further than most.
func size(v starlark.Value, most int64, depth int) (int64, error) {
	n := int64(wordSize)
	if depth == 0 {
		return n, errTooDeep
	}
	within := func(parts ...starlark.Value) error {
		for _, p := range parts {
			k, err := size(p, most-n, depth-1)
			n += k
			if err != nil {
				return err
			}
		}
		return nil
	}
	var err error
	switch v := v.(type) {
	case starlark.Int:
		if v.BigInt().BitLen() > mostBits {
			err = errBits
		}
	case starlark.String:
		n += int64(len(v))
	case starlark.Bytes:
		n += int64(len(v))
	case *starlark.List:
		for i := 0; i < v.Len() && err == nil; i++ {
			err = within(v.Index(i))
		}
	case starlark.Tuple:
		err = within(v...)
	case *starlark.Dict:
		for k, e := range v.Entries() {
			if err = within(k, e); err != nil {
				break
			}
		}
	case *starlark.Set:
		for e := range v.Elements() {
			if err = within(e); err != nil {
				break
			}
		}
	case starlark.Sequence: // a range, which is short until it is made a list
		n += wordSize * int64(v.Len())
	}
	if err == nil && n > most {
		err = errTooLarge
	}
	return n, err
}

// names is everything that a program can call, with the guards.
func (m *meter) names() starlark.StringDict {
	d := starlark.StringDict{"math": math.Module}
	for name, v := range starlark.Universe {
		if f, ok := v.(*starlark.Builtin); ok {
			d[name] = m.wrapped(name, f)
		}
	}
	for _, name := range []string{"getattr", "hasattr", "dir"} {
		d[name] = unknown(name)
	}
	d["round"] = starlark.NewBuiltin("round", round)
	d["str"] = m.wrapped("str", starlark.NewBuiltin("str", str))
	d["print"] = m.wrapped("print", starlark.NewBuiltin("print", printLine))
	d["sum"] = m.wrapped("sum", starlark.NewBuiltin("sum", sum))
	for op := syntax.PLUS; op <= syntax.GTGT_EQ; op++ { // all operators; those that no program can reach do no harm
		d[guardMark+op.String()] = m.operator(op)
	}
	d[guardMark+syntax.IN.String()] = m.operator(syntax.IN)
	d[guardMark+syntax.NOT_IN.String()] = m.operator(syntax.NOT_IN)
	d[guardMark+"made"] = starlark.NewBuiltin("made", m.made)
	d[guardMark+"attr"] = starlark.NewBuiltin("attr", attr)
	d[guardMark+"call"] = starlark.NewBuiltin("call", m.call)
	return d
}

func unknown(name string) *starlark.Builtin {
	return starlark.NewBuiltin(name, func(*starlark.Thread, *starlark.Builtin, starlark.Tuple, []starlark.Tuple) (starlark.Value, error) {
		return nil, fmt.Errorf("there is no %s", name)
	})
}

// wrapped is a builtin that pays for its arguments and its result.
func (m *meter) wrapped(name string, f *starlark.Builtin) *starlark.Builtin {
	return starlark.NewBuiltin(name, func(t *starlark.Thread, _ *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
		if err := m.chargeArgs(args, kwargs); err != nil {
			return nil, err
		}
		if s, ok := first(args).(starlark.String); ok && name == "int" && len(s) > mostBits/3 {
			return nil, errBits
		}
		v, err := f.CallInternal(t, args, kwargs)
		if err != nil || name == "range" {
			return v, err
		}
		_, err = m.charge(v)
		return v, err
	})
}

func (m *meter) chargeArgs(args starlark.Tuple, kwargs []starlark.Tuple) error {
	if _, err := m.chargeAll(args...); err != nil {
		return err
	}
	for _, kw := range kwargs {
		if _, err := m.charge(kw); err != nil {
			return err
		}
	}
	return nil
}

func first(args starlark.Tuple) starlark.Value {
	if len(args) == 0 {
		return nil
	}
	return args[0]
}

// assigning finds the operator of an augmented assignment.
var assigning = map[syntax.Token]syntax.Token{
	syntax.PLUS_EQ: syntax.PLUS, syntax.MINUS_EQ: syntax.MINUS, syntax.STAR_EQ: syntax.STAR, syntax.SLASH_EQ: syntax.SLASH,
	syntax.SLASHSLASH_EQ: syntax.SLASHSLASH, syntax.PERCENT_EQ: syntax.PERCENT, syntax.AMP_EQ: syntax.AMP, syntax.PIPE_EQ: syntax.PIPE,
	syntax.CIRCUMFLEX_EQ: syntax.CIRCUMFLEX, syntax.LTLT_EQ: syntax.LTLT, syntax.GTGT_EQ: syntax.GTGT,
}

// operator is a binary operator that pays for what it reads and makes.
func (m *meter) operator(op syntax.Token) *starlark.Builtin {
	plain, assigns := assigning[op]
	if !assigns {
		plain = op
	}
	return starlark.NewBuiltin(op.String(), func(t *starlark.Thread, _ *starlark.Builtin, args starlark.Tuple, _ []starlark.Tuple) (v starlark.Value, err error) {
		x, y := args[0], args[1]
		if err := m.before(plain, x, y); err != nil {
			return nil, err
		}
		list, isList := x.(*starlark.List)
		switch plain {
		case syntax.EQL, syntax.NEQ, syntax.LT, syntax.GT, syntax.LE, syntax.GE:
			ok, err := starlark.Compare(plain, x, y)
			return starlark.Bool(ok), err
		case syntax.PLUS:
			if assigns && isList {
				if v, err = extend(t, list, y); err != nil {
					return nil, err
				}
				break
			}
			v, err = starlark.Binary(plain, x, y)
		default:
			v, err = starlark.Binary(plain, x, y)
		}
		if err == nil {
			_, err = m.charge(v)
		}
		return v, err
	})
}

// before refuses an operator whose result would be too large to be made.
func (m *meter) before(op syntax.Token, x, y starlark.Value) error {
	nx, err := m.charge(x)
	if err != nil {
		return err
	}
	ny, err := m.charge(y)
	if err != nil {
		return err
	}
	switch op {
	case syntax.STAR:
		if n, ok := x.(starlark.Int); ok {
			return repeated(ny, n, y)
		}
		if n, ok := y.(starlark.Int); ok {
			return repeated(nx, n, x)
		}
	case syntax.PERCENT:
		if _, ok := x.(starlark.String); ok {
			return product(nx, ny)
		}
	}
	return nil
}

// repeated bounds `[…] * n`.
func repeated(size int64, times starlark.Int, of starlark.Value) error {
	if _, ok := of.(starlark.Indexable); !ok {
		return nil // a number
	}
	n, ok := times.Int64()
	if !ok || n > mostSize {
		return errTooLarge
	}
	return product(size, max(n, 1))
}

// product bounds what may use each part of one value for each part of another.
func product(a, b int64) error {
	if a > mostSize*wordSize/b {
		return errTooLarge
	}
	return nil
}

func extend(t *starlark.Thread, list *starlark.List, y starlark.Value) (starlark.Value, error) {
	f, err := list.Attr("extend")
	if err != nil {
		return nil, err
	}
	_, err = starlark.Call(t, f, starlark.Tuple{y}, nil)
	return list, err
}

// made pays for a slice or a tuple as it is made. Tuples never change, so that
// any of them may be hashed later without being looked at again.
func (m *meter) made(_ *starlark.Thread, _ *starlark.Builtin, args starlark.Tuple, _ []starlark.Tuple) (starlark.Value, error) {
	_, err := m.charge(args[0])
	return args[0], err
}

// attr is a member of a module. Methods of values are called, not handed round:
// that is how [meter.call] knows of each.
func attr(_ *starlark.Thread, _ *starlark.Builtin, args starlark.Tuple, _ []starlark.Tuple) (starlark.Value, error) {
	name := string(args[1].(starlark.String))
	mod, ok := args[0].(*starlarkstruct.Module)
	if !ok {
		return nil, fmt.Errorf("a method can only be called: write .%s(…)", name)
	}
	return member(mod, name)
}

func member(v starlark.Value, name string) (starlark.Value, error) {
	has, ok := v.(starlark.HasAttrs)
	if !ok {
		return nil, fmt.Errorf("%s has no .%s", v.Type(), name)
	}
	f, err := has.Attr(name)
	if err == nil && f == nil {
		err = fmt.Errorf("%s has no .%s", v.Type(), name)
	}
	return f, err
}

// call calls a method. The list that is appended to is not walked, or building
// a list one by one would cost its square.
func (m *meter) call(t *starlark.Thread, _ *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	x, name := args[0], string(args[1].(starlark.String))
	args = args[2:]
	f, err := member(x, name)
	if err != nil {
		return nil, err
	}
	if err := m.chargeArgs(args, kwargs); err != nil {
		return nil, err
	}
	if name != "append" && name != "get" && name != "setdefault" {
		nx, err := m.charge(x)
		if err != nil {
			return nil, err
		}
		switch name {
		case "join", "replace", "format":
			given, err := m.chargeAll(args...)
			if err == nil {
				err = product(nx, max(1, given))
			}
			if err != nil {
				return nil, err
			}
			for _, kw := range kwargs {
				if k, err := size(kw, mostSize, mostDepth); err != nil || product(nx, k) != nil {
					return nil, errTooLarge
				}
			}
		}
	}
	v, err := starlark.Call(t, f, args, kwargs)
	if err != nil {
		return nil, err
	}
	_, err = m.charge(v)
	return v, err
}
