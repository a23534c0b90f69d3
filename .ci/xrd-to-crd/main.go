// Xrd-to-crd reads CompositeResourceDefinitions as YAML on stdin and prints the
// CustomResourceDefinitions that Crossplane derives from them, with Crossplane's own library.
package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"log"
	"os"

	"github.com/crossplane/crossplane-runtime/v2/pkg/xcrd"
	v1 "github.com/crossplane/crossplane/apis/v2/apiextensions/v1"
	v2 "github.com/crossplane/crossplane/apis/v2/apiextensions/v2"
	core "github.com/crossplane/crossplane/apis/v2/core/v2"
	extv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	documents "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/yaml"
)

func main() {
	log.SetFlags(0)
	in := documents.NewYAMLReader(bufio.NewReader(os.Stdin))
	for {
		document, err := in.Read()
		if errors.Is(err, io.EOF) {
			return
		}
		check(err)
		printCRDs(read(document))
	}
}

// read does what happens to an XRD between its file and Crossplane's controller. That reads every
// XRD as v1, whose fields include those of v2; what differs are the defaults which the Kubernetes
// API has set by then: those of the version in the file, then those of v1, the stored version.
func read(document []byte) *v1.CompositeResourceDefinition {
	xrd := &v1.CompositeResourceDefinition{}
	check(yaml.UnmarshalStrict(document, xrd))
	scope := v1.CompositeResourceScopeLegacyCluster
	switch xrd.APIVersion {
	case v1.SchemeGroupVersion.String():
	case v2.SchemeGroupVersion.String():
		scope = v1.CompositeResourceScopeNamespaced
	default:
		log.Fatalf("not a CompositeResourceDefinition: apiVersion is %q", xrd.APIVersion)
	}
	setDefault(&xrd.Spec.Scope, scope)
	setDefault(&xrd.Spec.DefaultCompositeDeletePolicy, core.CompositeDeleteBackground)
	setDefault(&xrd.Spec.DefaultCompositionUpdatePolicy, core.UpdateAutomatic)
	return xrd
}

func setDefault[T any](field **T, value T) {
	if *field == nil {
		*field = &value
	}
}

func printCRDs(xrd *v1.CompositeResourceDefinition) {
	crd, err := xcrd.ForCompositeResource(xrd)
	check(err)
	printCRD(crd)
	if xrd.OffersClaim() {
		crd, err = xcrd.ForCompositeResourceClaim(xrd)
		check(err)
		printCRD(crd)
	}
}

func printCRD(crd *extv1.CustomResourceDefinition) {
	crd.SetGroupVersionKind(extv1.SchemeGroupVersion.WithKind("CustomResourceDefinition"))
	// The owner is the XRD, which has no uid while it is only a file: a server would refuse that.
	crd.SetOwnerReferences(nil)
	out, err := yaml.Marshal(crd)
	check(err)
	fmt.Printf("---\n%s", out)
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
