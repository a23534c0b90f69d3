module crossplane

go 1.26.0

require github.com/crossplane/crossplane/v2 v2.3.4
