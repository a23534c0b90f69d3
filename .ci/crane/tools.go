//go:build tools

// Package tools pins the crane with which the release workflow copies packages.
package tools

import _ "github.com/google/go-containerregistry/cmd/crane"
