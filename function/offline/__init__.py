"""The commands of a laptop: `modelrouter render`, `explain` and `schema`.

`render` plays Crossplane's part around the function, without a cluster. `inputs` reads what it is
given: `documents` (a `tree` of `scalars`, with their `lines`) become `manifests`, `admission`
checks those of ModelRouters, and `problems` are what is wrong. `output` writes a folder. `fields`
and `explain` are the reference of the API.
"""
