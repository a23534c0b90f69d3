"""What a call of the function costs, beside functions that do less or do it otherwise.

    python -m tests.benchmark --help

Not a test: what it prints is compared before and after a change, on one machine.

- `routers`   the ModelRouters that are asked about.
- `objects`   what an API server and its controllers make of objects.
- `requests`  the requests that Crossplane sends once nothing changes any more, and copies of them.
- `series`    which requests are sent one after the other, and which are counted.
- `peers`     the functions that are compared.
- `measure`   the cost of each call.
- `table`     what is printed.
"""
