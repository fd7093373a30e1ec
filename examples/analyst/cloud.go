package analyst

import (
	"embed"
	"fmt"
	"strings"
)

//go:embed cloud/aws.sh cloud/azure.sh cloud/gcp.sh
var scripts embed.FS

// Clouds are those that the example has a configuration and a script for.
func Clouds() []string { return []string{"aws", "azure", "gcp"} }

// CloudScript is the shell script that creates and removes a cloud's resources, with
// the cloud's own command line.
func CloudScript(cloud string) ([]byte, error) {
	b, err := scripts.ReadFile("cloud/" + cloud + ".sh")
	if err != nil {
		return nil, fmt.Errorf("read the example's script: %w", err)
	}
	return b, nil
}

// SecondKind is the kind of provider that a configuration has in its second cloud, or ""
// where it has none.
func SecondKind(conf string) string {
	for line := range strings.Lines(conf) {
		text, marked := strings.CutSuffix(strings.TrimSpace(line), second)
		if kind, ok := strings.CutPrefix(strings.TrimSpace(text), "kind: "); marked && ok {
			return kind
		}
	}
	return ""
}
