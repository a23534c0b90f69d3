"""What a call of the function costs, beside functions that do less or do it otherwise.

    python -m tests.benchmark --help

Not a test: what it prints is compared before and after a change, on one machine.

- `routers`    the ModelRouters that are asked about.
- `objects`    what an API server and its controllers make of objects.
- `cluster`    Crossplane's loop around a router, until nothing changes any more.
- `requests`   the requests that are sent then, about as many routers as are wanted.
- `wire`       these as bytes, with their maps in a new order each time.
- `series`     which requests are sent one after the other, and which are counted.
- `peers`      the functions beside ours.
- `functions`  all functions, in this process and as programs.
- `servers`    a program that runs, and the connection to it.
- `measure`    the cost of each call.
- `table`      what is printed of it.
- `memory`, `load`, `hostile`, `accesses` and `modes` are the measurements beside the series.
"""
