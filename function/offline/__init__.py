"""`modelrouter render` and the files that it reads: Crossplane's part, played without a cluster."""
