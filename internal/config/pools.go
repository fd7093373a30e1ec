package config

import (
	"reflect"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"

	"github.com/skein-run/skein/internal/pool"
	"github.com/skein-run/skein/internal/provider"
)

// rowType is the type of a row of a mapping: of providers, one of kind pool has fields
// of its own.
func rowType(row ast.Node, t reflect.Type) reflect.Type {
	if t == reflect.TypeFor[provider.Options]() && isPool(row) {
		return reflect.TypeFor[pool.Options]()
	}
	return t
}

func isPool(row ast.Node) bool {
	_, kind := child(row, "kind")
	text, ok := bare(kind).(*ast.StringNode)
	return ok && text.Value == pool.Kind
}

// readPools reads the rows of providers that are pools once more, with their own fields.
func (c *Config) readPools(p *problems) {
	c.Pools = map[string]pool.Options{}
	_, rows := child(c.root, "providers")
	for _, kv := range pairs(rows) {
		if !isPool(kv.Value) {
			continue
		}
		name := kv.Key.GetToken().Value
		var o pool.Options
		if err := yaml.NodeToValue(kv.Value, &o); err != nil {
			p.add(field("providers", name), "%s", yaml.FormatError(err, false, false))
			continue
		}
		c.Pools[name] = o
	}
}

// validatePool checks a pool's row, which sends nothing. Its key was resolved.
func (c *Config) validatePool(name, key string, p *problems) {
	o, ok := c.Pools[name]
	if !ok {
		return // that is what is wrong with it
	}
	o.Key = key
	c.Pools[name] = o
	if err := o.Validate(); err != nil {
		addRow(name, err.Error(), reflect.TypeFor[pool.Options](), p)
	}
}
