//go:build tools

// Package tools pins the actionlint that .ci/run lints the workflows with: see ../build-kube.
package tools

import _ "github.com/rhysd/actionlint/cmd/actionlint"
