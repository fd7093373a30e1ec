package cred

import (
	"context"
	"os"

	"github.com/aws/aws-sdk-go-v2/config"
)

// AWSRegion is the region that a profile of the shared configuration states; "" is
// the profile in use. It reads files only.
func AWSRegion(profile string) string {
	if profile == "" {
		profile = orDefault(os.Getenv("AWS_PROFILE"), "default")
	}
	c, err := config.LoadSharedConfigProfile(context.Background(), profile, sharedFiles)
	if err != nil {
		return ""
	}
	return c.Region
}

// sharedFiles are where AWS's own tools keep profiles, which variables may move.
func sharedFiles(o *config.LoadSharedConfigOptions) {
	if f := os.Getenv("AWS_CONFIG_FILE"); f != "" {
		o.ConfigFiles = []string{f}
	}
	if f := os.Getenv("AWS_SHARED_CREDENTIALS_FILE"); f != "" {
		o.CredentialsFiles = []string{f}
	}
}

func orDefault(s, d string) string {
	if s == "" {
		return d
	}
	return s
}
