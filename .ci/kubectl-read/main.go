// Kubectl-read reads each of the files that are its arguments as `kubectl apply -f` does, with
// kubectl's own library but without a server. For each it prints a line of JSON: the objects in the
// file, or the error.
package main

import (
	"encoding/json"
	"log"
	"os"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/cli-runtime/pkg/resource"
)

type answer struct {
	Objects []runtime.Object `json:"objects,omitempty"`
	Error   string           `json:"error,omitempty"`
}

func main() {
	log.SetFlags(0)
	out := json.NewEncoder(os.Stdout)
	for _, file := range os.Args[1:] {
		if err := out.Encode(read(file)); err != nil {
			log.Fatal(err)
		}
	}
}

func read(file string) answer {
	files := &resource.FilenameOptions{Filenames: []string{file}}
	builder := resource.NewLocalBuilder().Unstructured().Local().FilenameParam(false, files)
	infos, err := builder.Do().Infos()
	if err != nil {
		return answer{Error: err.Error()}
	}
	objects := []runtime.Object{}
	for _, info := range infos {
		objects = append(objects, info.Object)
	}
	return answer{Objects: objects}
}
