"""Runs a function in several processes joined by gloo, without importing torch in each of them."""

import multiprocessing
import os
import socket
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any

import torch

from avs_bench.runtime.processes import joined_processes

LIMIT = 600
"""Seconds after which processes that wait for each other are given up."""


def run_together(count: int, work: Callable[..., Any], *arguments: object) -> list[Any]:
    """Return what work(processes, *arguments) returns on each of `count` new processes.

    They find each other as the processes of torchrun do, by the variables that it sets.
    """
    context, port, workers, results = forkserver(), free_port(), [], []
    try:
        for rank in range(count):
            result, sender = context.Pipe(duplex=False)
            given = (sender, rank, count, port, work, arguments)
            workers.append(context.Process(target=_take_part, args=given, daemon=True))
            workers[-1].start()
            sender.close()  # so that the end of a worker is the end of its pipe
            results.append(result)
        return [_received(result) for result in results]
    finally:
        for worker in workers:
            worker.kill()
            worker.join()


def forkserver() -> multiprocessing.context.ForkServerContext:
    """Return what forks processes from one that has imported torch and done nothing with it."""
    context = multiprocessing.get_context("forkserver")
    # An optimiser imports torch's compiler, which takes as long as torch itself.
    context.set_forkserver_preload(["torch", "torch._inductor.config", "avs_bench.training.fit"])
    return context


def _take_part(
    sender: Connection,
    rank: int,
    count: int,
    port: int,
    work: Callable[..., Any],
    arguments: tuple[object, ...],
) -> None:
    torch.set_num_threads(1)
    os.environ |= {"RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": str(count)}
    os.environ |= {"MASTER_ADDR": "localhost", "MASTER_PORT": str(port)}
    with joined_processes(torch.device("cpu")) as processes:
        sender.send(work(processes, *arguments))


def _received(result: Connection) -> Any:
    if not result.poll(LIMIT):
        raise TimeoutError(f"no result after {LIMIT} s: the processes wait for each other")
    return result.recv()


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        return int(probe.getsockname()[1])
