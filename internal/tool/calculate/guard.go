package calculate

import (
	"fmt"

	"go.starlark.net/syntax"
)

// guarded is a copy of a program in which operators, methods, slices and tuples
// go through the builtins of a [meter]: `a * b` becomes `$*(a, b)`. The names
// begin with a character that no program can write.
func guarded(f *syntax.File) (out *syntax.File, err error) {
	defer func() {
		if r := recover(); r != nil {
			stop, ok := r.(unsupported)
			if !ok {
				panic(r)
			}
			err = stop
		}
	}()
	stmts := guardAll(f.Stmts)
	if n := len(stmts); n > 0 {
		if last, ok := stmts[n-1].(*syntax.ExprStmt); ok {
			at, _ := last.X.Span()
			stmts[n-1] = &syntax.AssignStmt{OpPos: at, Op: syntax.EQ, LHS: &syntax.Ident{NamePos: at, Name: lastValue}, RHS: last.X}
		}
	}
	return &syntax.File{Path: f.Path, Stmts: stmts, Options: f.Options}, nil
}

// unsupported is what the dialect leaves out. It is thrown within [guarded] only.
type unsupported struct {
	at   syntax.Position
	what string
}

func (u unsupported) Error() string { return fmt.Sprintf("line %d: %s", u.at.Line, u.what) }

func leave(n syntax.Node, what string) {
	at, _ := n.Span()
	panic(unsupported{at, what})
}

func guardAll(in []syntax.Stmt) []syntax.Stmt {
	out := make([]syntax.Stmt, len(in))
	for i, s := range in {
		out[i] = guardStmt(s)
	}
	return out
}

func guardStmt(s syntax.Stmt) syntax.Stmt {
	switch s := s.(type) {
	case *syntax.ExprStmt:
		return &syntax.ExprStmt{X: guard(s.X)}
	case *syntax.AssignStmt:
		if s.Op == syntax.EQ {
			return &syntax.AssignStmt{OpPos: s.OpPos, Op: syntax.EQ, LHS: target(s.LHS), RHS: guard(s.RHS)}
		}
		// `x += y` becomes `x = $+=(x, y)`, which extends a list in place.
		return &syntax.AssignStmt{OpPos: s.OpPos, Op: syntax.EQ, LHS: target(s.LHS),
			RHS: call(s.Op.String(), s.OpPos, guard(s.LHS), guard(s.RHS))}
	case *syntax.DefStmt:
		return &syntax.DefStmt{Def: s.Def, Name: ident(s.Name), Lparen: s.Lparen, Params: params(s.Params), Rparen: s.Rparen, Body: guardAll(s.Body)}
	case *syntax.IfStmt:
		return &syntax.IfStmt{If: s.If, Cond: guard(s.Cond), True: guardAll(s.True), ElsePos: s.ElsePos, False: guardAll(s.False)}
	case *syntax.ForStmt:
		return &syntax.ForStmt{For: s.For, Vars: target(s.Vars), X: guard(s.X), Body: guardAll(s.Body)}
	case *syntax.ReturnStmt:
		return &syntax.ReturnStmt{Return: s.Return, Result: guard(s.Result)}
	case *syntax.BranchStmt:
		c := *s
		return &c
	case *syntax.WhileStmt:
		leave(s, "there is no while: use for and range")
	case *syntax.LoadStmt:
		leave(s, "there is nothing to load")
	}
	leave(s, "this statement is not supported")
	return nil
}

// guard is an expression in the program's place; nil stays nil.
func guard(e syntax.Expr) syntax.Expr {
	switch e := e.(type) {
	case nil:
		return nil
	case *syntax.Ident:
		return ident(e)
	case *syntax.Literal:
		c := *e
		return &c
	case *syntax.ParenExpr:
		return &syntax.ParenExpr{Lparen: e.Lparen, X: guard(e.X), Rparen: e.Rparen}
	case *syntax.ListExpr:
		return &syntax.ListExpr{Lbrack: e.Lbrack, List: guards(e.List), Rbrack: e.Rbrack}
	case *syntax.TupleExpr:
		at, _ := e.Span()
		return call("made", at, &syntax.TupleExpr{Lparen: e.Lparen, List: guards(e.List), Rparen: e.Rparen})
	case *syntax.DictExpr:
		return &syntax.DictExpr{Lbrace: e.Lbrace, List: guards(e.List), Rbrace: e.Rbrace}
	case *syntax.DictEntry:
		return &syntax.DictEntry{Key: guard(e.Key), Colon: e.Colon, Value: guard(e.Value)}
	case *syntax.CondExpr:
		return &syntax.CondExpr{If: e.If, Cond: guard(e.Cond), True: guard(e.True), ElsePos: e.ElsePos, False: guard(e.False)}
	case *syntax.UnaryExpr:
		return &syntax.UnaryExpr{OpPos: e.OpPos, Op: e.Op, X: guard(e.X)}
	case *syntax.BinaryExpr:
		if e.Op == syntax.AND || e.Op == syntax.OR {
			return &syntax.BinaryExpr{X: guard(e.X), OpPos: e.OpPos, Op: e.Op, Y: guard(e.Y)}
		}
		return call(e.Op.String(), e.OpPos, guard(e.X), guard(e.Y))
	case *syntax.IndexExpr:
		return &syntax.IndexExpr{X: guard(e.X), Lbrack: e.Lbrack, Y: guard(e.Y), Rbrack: e.Rbrack}
	case *syntax.SliceExpr:
		return call("made", e.Lbrack, &syntax.SliceExpr{X: guard(e.X), Lbrack: e.Lbrack, Lo: guard(e.Lo), Hi: guard(e.Hi), Step: guard(e.Step), Rbrack: e.Rbrack})
	case *syntax.LambdaExpr:
		return &syntax.LambdaExpr{Lambda: e.Lambda, Params: params(e.Params), Body: guard(e.Body)}
	case *syntax.Comprehension:
		return comprehension(e)
	case *syntax.DotExpr:
		return call("attr", e.Dot, guard(e.X), text(e.Name))
	case *syntax.CallExpr:
		return guardCall(e)
	}
	leave(e, "this expression is not supported")
	return nil
}

func guards(in []syntax.Expr) []syntax.Expr {
	out := make([]syntax.Expr, len(in))
	for i, e := range in {
		out[i] = guard(e)
	}
	return out
}

// guardCall keeps calls of functions and lets methods go through the meter.
func guardCall(e *syntax.CallExpr) syntax.Expr {
	args := make([]syntax.Expr, len(e.Args))
	for i, a := range e.Args {
		switch a := a.(type) {
		case *syntax.BinaryExpr:
			if name, ok := a.X.(*syntax.Ident); ok && a.Op == syntax.EQ {
				args[i] = &syntax.BinaryExpr{X: ident(name), OpPos: a.OpPos, Op: a.Op, Y: guard(a.Y)}
				continue
			}
		case *syntax.UnaryExpr:
			if a.Op == syntax.STAR || a.Op == syntax.STARSTAR {
				leave(a, "arguments with * are not supported")
			}
		}
		args[i] = guard(a)
	}
	if dot, ok := e.Fn.(*syntax.DotExpr); ok {
		return call("call", e.Lparen, append([]syntax.Expr{guard(dot.X), text(dot.Name)}, args...)...)
	}
	return &syntax.CallExpr{Fn: guard(e.Fn), Lparen: e.Lparen, Args: args, Rparen: e.Rparen}
}

func comprehension(e *syntax.Comprehension) syntax.Expr {
	c := &syntax.Comprehension{Curly: e.Curly, Lbrack: e.Lbrack, Body: guard(e.Body), Rbrack: e.Rbrack}
	for _, clause := range e.Clauses {
		switch clause := clause.(type) {
		case *syntax.ForClause:
			c.Clauses = append(c.Clauses, &syntax.ForClause{For: clause.For, Vars: target(clause.Vars), In: clause.In, X: guard(clause.X)})
		case *syntax.IfClause:
			c.Clauses = append(c.Clauses, &syntax.IfClause{If: clause.If, Cond: guard(clause.Cond)})
		}
	}
	return c
}

// target is what is assigned to.
func target(e syntax.Expr) syntax.Expr {
	switch e := e.(type) {
	case *syntax.Ident, *syntax.IndexExpr:
		return guard(e)
	case *syntax.ParenExpr:
		return &syntax.ParenExpr{Lparen: e.Lparen, X: target(e.X), Rparen: e.Rparen}
	case *syntax.TupleExpr:
		return &syntax.TupleExpr{Lparen: e.Lparen, List: targets(e.List), Rparen: e.Rparen}
	case *syntax.ListExpr:
		return &syntax.ListExpr{Lbrack: e.Lbrack, List: targets(e.List), Rbrack: e.Rbrack}
	}
	leave(e, "nothing can be assigned to this")
	return nil
}

func targets(in []syntax.Expr) []syntax.Expr {
	out := make([]syntax.Expr, len(in))
	for i, e := range in {
		out[i] = target(e)
	}
	return out
}

func params(in []syntax.Expr) []syntax.Expr {
	out := make([]syntax.Expr, len(in))
	for i, p := range in {
		switch p := p.(type) {
		case *syntax.Ident:
			out[i] = ident(p)
		case *syntax.BinaryExpr: // name=default
			out[i] = &syntax.BinaryExpr{X: guard(p.X), OpPos: p.OpPos, Op: p.Op, Y: guard(p.Y)}
		default:
			leave(p, "parameters with * are not supported")
		}
	}
	return out
}

// ident is a copy, since resolving a program writes into its names.
func ident(e *syntax.Ident) *syntax.Ident { return &syntax.Ident{NamePos: e.NamePos, Name: e.Name} }

func text(e *syntax.Ident) syntax.Expr {
	return &syntax.Literal{Token: syntax.STRING, TokenPos: e.NamePos, Value: e.Name}
}

func call(name string, at syntax.Position, args ...syntax.Expr) syntax.Expr {
	return &syntax.CallExpr{Fn: &syntax.Ident{NamePos: at, Name: guardMark + name}, Lparen: at, Args: args, Rparen: at}
}
