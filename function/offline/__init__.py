"""`modelrouter render`: what Crossplane and a cluster do, on a laptop."""
