//go:build race

package seam_test

const racing = true
