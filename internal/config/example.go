package config

import _ "embed"

//go:embed example.yaml
var example []byte

// Example is a commented skein.yaml.
func Example() []byte { return example }
