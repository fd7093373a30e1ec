package calculate_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/skein-run/skein/internal/tool/calculate"
	"github.com/skein-run/skein/internal/tool/effect"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func ExampleEval() {
	text, err := calculate.Eval(context.Background(), `
revenue = {"2023": 383285, "2024": 391035}
growth = (revenue["2024"] - revenue["2023"]) / revenue["2023"] * 100
print("growth in percent")
round(growth, 1)`)
	fmt.Println(text, err)
	// Output:
	// growth in percent
	// 2.0 <nil>
}

func TestEvalGivesWhatWasFound(t *testing.T) {
	for program, want := range map[string]string{
		"1 + 2 * 3":                          "7",
		"7 / 2":                              "3.5",
		"7 // 2, -7 // 2, 7 % 3":             "(3, -4, 1)",
		"(1,)":                               "(1,)",
		"2 << 10 | 1":                        "2049",
		"123456789.0 * 1000":                 "123456789000.0",
		"1e21":                               "1e+21",
		"[1e6, {'a': 2.50}]":                 `[1000000.0, {"a": 2.5}]`,
		"round(2.675, 2)":                    "2.68",
		"round(-2.5), round(2.5)":            "(-3, 3)",
		"round(1250, -2), round(7, 2)":       "(1300, 7)",
		"round(1234.5678, -2)":               "1200.0",
		"round(0.1 + 0.2, 10)":               "0.3",
		"sum([1, 2.5, 3])":                   "6.5",
		"sum([])":                            "0",
		"max([3, 1]), min(4, 2)":             "(3, 2)",
		"sorted([3, 1, 2], reverse=True)":    "[3, 2, 1]",
		"math.sqrt(2) < 1.42 and True":       "True",
		"round(math.pow(1.1, 5) - 1, 4)":     "0.6105",
		"result = 5":                         "5",
		"x = 1\nx += 2\nresult = x":          "3",
		"result = 1\n2":                      "2",
		"print('a', 1.50, [2])":              "a 1.5 [2]",
		"print('a')\n3":                      "a\n3",
		"'%s is %d' % ('a', 3)":              "a is 3",
		"'{} and {b}'.format(1, b=2)":        "1 and 2",
		"', '.join(['a', 'b'])":              "a, b",
		"'a-b'.replace('-', '+').upper()":    "A+B",
		"[x * x for x in range(5) if x % 2]": "[1, 9]",
		"{k: v for k, v in [('a', 1)]}":      `{"a": 1}`,
		"[1, 2, 3, 4][1:3], 'abc'[::-1]":     `([2, 3], "cba")`,
		"2 in [1, 2], 3 not in {3: 1}":       "(True, False)",
		"1 if 2 > 1 else 3":                  "1",
		"(lambda x, y=2: x * y)(4)":          "8",
		"-3 - -4, not True, ~1":              "(1, False, -2)",
		"a, (b, c) = 1, (2, 3)\na + b + c":   "6",
		"2 ** 3":                             "",
		"def f(a, b=1):\n  if a > b:\n    return a\n  return b\nf(3) + f(0)":        "4",
		"t = 0\nfor y in range(2021, 2026):\n  if y == 2023: continue\n  t += y\nt": "8092",
		"d = {}\nfor k in ['a', 'b', 'a']:\n  d[k] = d.get(k, 0) + 1\nd":            `{"a": 2, "b": 1}`,
		"d = {'a': [1]}\nd['a'] += [2]\nd['a'] *= 2\nd":                             `{"a": [1, 2, 1, 2]}`,
		"def f(l):\n  l += [2]\nl = [1]\nf(l)\nl":                                   "[1, 2]",
		"l = []\nfor i in range(3000): l.append(i)\nlen(l)":                         "3000",
		"int('12') + int(3.7) + len(str(1.0))":                                      "18",
		"123456789 * 987654321 * 1000000007":                                        "121932631966163686788446883",
		"[i for i, _ in enumerate(zip([1, 2], ['a', 'b']))]":                        "[0, 1]",
		"set([1, 2]) | set([2, 3])":                                                 "set([1, 2, 3])",
		"s = '§'\ns * 3":                                                            "§§§",
	} {
		got, err := calculate.Eval(t.Context(), program)
		if want == "" {
			if err == nil {
				t.Errorf("%q: %s; wanted an error", program, got)
			}
			continue
		}
		if err != nil || got != want {
			t.Errorf("%q: %q, %v; wanted %q", program, got, err, want)
		}
	}
}

func TestEvalSaysWhatIsWrong(t *testing.T) {
	for program, want := range map[string]string{
		"x = 1\ny = x / 0":               "line 2: ",
		"1 +":                            "got end of file",
		"":                               "gives nothing",
		"x = 1":                          "gives nothing",
		"load('a.star', 'b')":            "nothing to load",
		"while True:\n  pass":            "while",
		"import os":                      "",
		"open('/etc/passwd')":            "undefined: open",
		"def f(n): return f(n)\nf(1)":    "recursive",
		"fail('stop')":                   "stop",
		"getattr('a', 'upper')()":        "there is no getattr",
		"f = 'a'.upper\nf()":             "can only be called",
		"def f(*a): return a\nf(1)":      "parameters with *",
		"max(*[1, 2])":                   "arguments with *",
		"round('a')":                     "a number is wanted",
		"sum(['a'])":                     "among the numbers",
		"math.nothing(1)":                "no .nothing",
		"(1).foo()":                      "int has no .foo",
		"round(float('nan'))":            "finite",
		"[][1]":                          "out of range",
		"'x'.foo":                        "can only be called",
		"$op(1)":                         "unexpected",
		strings.Repeat("1+", 9000) + "1": "16384",
		strings.Repeat("(", 5000):        "",
	} {
		got, err := calculate.Eval(t.Context(), program)
		var e *effect.Error
		if !errors.As(err, &e) || e.Outcome != effect.Refused || !strings.Contains(e.Message, want) {
			t.Errorf("%.60q: %q, %v; wanted an error with %q", program, got, err, want)
		}
	}
}

// Each of these would take all memory or all time if it were let.
var bombs = []string{
	"x = 3\nfor i in range(100): x = x * x",
	"x = 'ab'\nfor i in range(100): x = x + x",
	"x = [1]\nfor i in range(100): x += x",
	"x = [1]\nfor i in range(100): x.extend(x)",
	"x = 1\nfor i in range(100): x = [x, x]\nstr(x)",
	"x = 1\nfor i in range(100): x = (x, x)\n{x: 1}",
	"x = (1,)\nfor i in range(100): x = (x, x)\nd = {}\nd[x] = 1",
	"x = []\nfor i in range(100):\n  y = []\n  y.append(x)\n  y.append(x)\n  x = y\nprint(x)",
	"x = []\nfor i in range(100):\n  y = []\n  y.append(x)\n  y.append(x)\n  x = y\nx == x",
	"x = []\nfor i in range(100):\n  y = []\n  y.append(x)\n  y.append(x)\n  x = y\nx",
	"x = {}\nfor i in range(100): x = {'a': x, 'b': x}\n'%s' % x",
	"x = []\nx.append(x)\nx",
	"x = []\nfor i in range(200000):\n  y = []\n  y.append(x)\n  x = y\nx",
	"'a' * 1000000000", "[0] * 1000000000", "1000000000 * (1,)", "list(range(1000000000))", "sorted(range(100000000))",
	"tuple(range(1000000000))", "range(1000000000)[::1]", "[].extend(range(1000000000))", "','.join(['a' * 1000] * 10000)",
	"('a' * 60000).replace('a', 'b' * 60000)", "('{0}' * 15000).format('a' * 60000)", "('%(a)s' * 9000) % {'a': 'b' * 60000}",
	"(',' * 60000).join([''] * 60000)", "int('9' * 900000)", "1 << 500 << 500 << 500 << 500 << 500 << 500 << 500 << 500 << 500",
	"for i in range(100000000): pass", "[i for i in range(100000) for j in range(100000)]", "for i in range(100000): print('a' * 1000)",
	"l = [range(1000)] * 1000\nfor i in range(100000): sorted(l) == sorted(l)",
	"l = [i for i in range(20000)]\nk = []\nfor i in range(100000): k.append(l[:])",
	"print(sep='a' * 60000, *['b'])", "max([0], key=lambda x: [i for i in range(10000000)])",
	"a = [1, 2]\nfor i in range(100000): a = [a] + a\na", "x = set()\nfor i in range(10000000): x.add(i)",
	"s = 'a'\nfor i in range(40): s = '%s%s' % (s, s)", "d = {}\nfor i in range(10000000): d[i] = 'a' * 1000",
}

func TestEvalStopsWhatIsTooMuch(t *testing.T) {
	for _, program := range bombs {
		start := time.Now()
		got, err := calculate.Eval(t.Context(), program)
		var e *effect.Error
		if !errors.As(err, &e) || e.Outcome != effect.Refused {
			t.Errorf("%q: %.80q, %v; wanted that it is stopped", program, got, err)
		}
		if d := time.Since(start); d > 30*time.Second {
			t.Errorf("%q: took %v", program, d)
		}
	}
}

func TestEvalIsInterrupted(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	_, err := calculate.Eval(ctx, "for i in range(900000): pass\nfor i in range(900000): pass")
	var e *effect.Error
	if !errors.As(err, &e) {
		t.Fatalf("the error is %v", err)
	}
}

func FuzzEval(f *testing.F) {
	for _, p := range bombs[:12] {
		f.Add(p)
	}
	f.Add("def f(a, b=1): return [x for x in a if x > b]\nround(sum(f([1, 2.5, 3])), 1)")
	f.Fuzz(func(t *testing.T, program string) {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		first, err := calculate.Eval(ctx, program)
		if ctx.Err() != nil {
			t.Fatalf("it does not end: %q", program)
		}
		again, err2 := calculate.Eval(ctx, program)
		if first != again || (err == nil) != (err2 == nil) {
			t.Fatalf("%q gives %q, and again %q (%v, %v)", program, first, again, err, err2)
		}
	})
}
