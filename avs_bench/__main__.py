"""`python -m avs_bench` is `avs-bench`."""

from avs_bench.commands.main import main

main(prog_name="avs-bench")
