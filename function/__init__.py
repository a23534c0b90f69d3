"""A Crossplane composition function that turns a ModelRouter into a LiteLLM gateway.

The way of a call: `fn` reads the request's protobuf into plain values (`wire`), `compose` does all
there is to do on them, and `fn` writes the answer. In `compose`: the request's composite resource
becomes a `router` (`api` says what it may hold), the objects of the names that it wants are its
own or free (`ownership`), its `master_key` is kept or made, a kind of router makes a `plan`
(`litellm`), the composed kinds write it down (`resources`), and `preflight` (of the keys in the
users' `secrets`) and `status` say what became of it.

A plan of `litellm` is made of its `config` (with `credentials` and `routing` in each entry), the
router's `last_word` on that (`merging` does it, `keys` knows LiteLLM's), and `advice`.

`server` serves it to Crossplane; `render` plays Crossplane's part around it on a laptop; `main` is
the command line of both. `names` is the home of every name that others see.
"""
