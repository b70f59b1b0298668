#!/usr/bin/env python3
"""Lets processes run for a part of each period only, so that a server's capacity is small enough for one machine to exceed it.

usage: throttle.py PERIOD_MS PID=RUN_MS...

The periods of several processes are staggered. Where permitted, they and this one run before all others meanwhile, so that
what they can do does not depend on how busy the clients are. SIGTERM ends it; the processes then run as before.
"""

import contextlib
import os
import signal
import sys
import time


def main() -> None:
    period = float(sys.argv[1]) / 1000
    shares = [argument.split("=") for argument in sys.argv[2:]]
    events = []
    for index, (process, run) in enumerate(shares):
        begin = period * index / len(shares)
        events.append((begin, int(process), signal.SIGCONT))
        events.append((begin + float(run) / 1000, int(process), signal.SIGSTOP))
    # One that runs beyond the period's end stops early in the next.
    events = sorted((moment % period, process, action) for moment, process, action in events)
    processes = [int(process) for process, _ in shares]
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    prioritize(0, os.SCHED_FIFO, 2)
    for process in processes:
        for thread in os.listdir(f"/proc/{process}/task"):
            prioritize(int(thread), os.SCHED_FIFO, 1)
    try:
        run_for_ever(period, events)
    finally:
        for process in processes:
            os.kill(process, signal.SIGCONT)
            for thread in os.listdir(f"/proc/{process}/task"):
                prioritize(int(thread), os.SCHED_OTHER, 0)


def run_for_ever(period: float, events: list[tuple[float, int, signal.Signals]]) -> None:
    begin = time.monotonic()
    while os.getppid() != 1:
        for moment, process, action in events:
            time.sleep(max(0, begin + moment - time.monotonic()))
            os.kill(process, action)
        # What was missed is not made up for.
        begin = max(begin + period, time.monotonic() - period)


def prioritize(thread: int, policy: int, priority: int) -> None:
    with contextlib.suppress(PermissionError, ProcessLookupError):
        os.sched_setscheduler(thread, policy, os.sched_param(priority))


main()
