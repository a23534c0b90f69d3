"""A Crossplane composition function that turns a ModelRouter into a LiteLLM gateway.

The way of a call: `fn` reads the request's protobuf into plain values (`structs`, `call`),
`compose` does all there is to do with them, and `fn` writes the response. `compose` is a script of
five verbs, and each folder is one of them, in this order:

- `api`       reads what people write: the composite resource and the Composition's input, as a
              `Router`.
- `gateways`  plans the gateway from that alone: containers, configuration, the keys that it needs.
              One package for each kind of gateway (`litellm`), behind the protocol in `base`.
- `observed`  observes what the cluster holds: the router's own objects, the users' Secrets, the
              generated master key. What it has not seen it requires from Crossplane.
- `resources` builds the composed resources, one module for each kind.
- `report`    reports what became of it all: status, conditions and events.

`kept` holds what one call leaves for the next ones: whole answers, and plans with what was made of
each entry of `aiModels`. Nothing else lives longer than a call.

Each folder knows those above it in this list and none below; `.importlinter` holds the order, and
no module is imported in a circle. Below them all are `names` (every name that others see), `errors`
(every error raised on purpose), `call` (request and response), `text` (values in messages),
`shapes` (reading what others wrote), `guesses` (what an unknown name may have meant),
`recognition` (what a credential looks like) and `merging` (JSON merge patches and pointers).

`server` serves `fn` to Crossplane; `offline` plays Crossplane's part around it on a laptop, and
explains the API there; `imports` turns what people run today into ModelRouters; `main` is the
command line of all.

To find a sentence of the reference in the code: a field is in `api`, what LiteLLM is told in
`gateways.litellm`, a Kubernetes object in `resources`, a condition or a status field in `report`.
"""
