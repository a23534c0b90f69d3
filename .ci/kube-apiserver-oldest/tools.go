//go:build tools

// Package tools pins the oldest kube-apiserver that the tests run: see ../build-kube.
package tools

import _ "k8s.io/kubernetes/cmd/kube-apiserver"
