"""Runs the experiments, keeps what was measured, and writes the report; see run.sh."""

import argparse
import json
import os
import platform
import signal
import sys
import tempfile
from pathlib import Path

import report
from cluster import ROOT, Cluster
from runs import RUNS, Run

KEYS = 1000
MAX_PENDING = 1000


def measure(run: Run, scale: int, seconds: float) -> dict[str, object]:
    with tempfile.TemporaryDirectory(prefix="shardkv-experiment.") as directory, Cluster(Path(directory), run.shard_map) as cluster:
        key_count = KEYS * scale
        # The seed gives all loads of a run the same keys.
        common = ["--seed", "7", "--num-keys", str(key_count), "--ttl", run.ttl, "--max-pending", str(MAX_PENDING)]
        before = {}
        if run.keeps_values:
            # So many that most keys exist.
            rate = ["--get-qps", "0", "--set-qps", str(2500 * min(scale, 4)), "--qps-burst", "1000"]
            filling = cluster.stress(*common, *rate, "--duration", f"{max(1, key_count // 10000)}s")
            finish(filling, seconds=60)
            before = cluster.contents()
        summary, latencies = Path(directory, "summary.json"), Path(directory, "latencies.tsv")
        load = cluster.stress(
            *common, "--duration", f"{seconds}s",
            "--get-qps", str(run.gets * scale), "--set-qps", str(run.sets * scale), "--qps-burst", str(max(20, run.gets * scale // 10)),
            "--json", str(summary), "--latency-log", str(latencies),
        )
        try:
            events = run.disturb(cluster, seconds)
        finally:
            finish(load, seconds + 30)
        findings = run.inspect(cluster, before, events)
        rows = [line.split("\t") for line in latencies.read_text().splitlines()]
        return {
            "name": run.name, "scale": scale, "seconds": seconds, "machine": machine(),
            "events": events, "findings": findings, "summary": json.loads(summary.read_text()),
            "latencies": [dict(zip(rows[0], row)) for row in rows[1:]], "samples": cluster.samples,
        }


def finish(load, seconds: float) -> None:
    """Exit code 1 says that answers were wrong: the summary has their number."""
    try:
        _, errors = load.communicate(timeout=seconds)
    finally:
        load.kill()
    if load.returncode not in (0, 1):
        raise SystemExit(f"error: the stress tester failed: {errors}")


def machine() -> str:
    models = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    model = models[0].partition(":")[2].strip() if models else platform.machine()
    return f"{os.cpu_count()} × {model}, Linux {platform.release()}"


def main() -> None:
    parser = argparse.ArgumentParser(prog="scripts/experiments/run.sh")
    parser.add_argument("--only", action="append", choices=sorted({run.experiment for run in RUNS}))
    parser.add_argument("--scale", action="append", type=int)
    parser.add_argument("--seconds", type=int, default=20)
    parser.add_argument("--data", type=Path, default=ROOT / ".build/experiments")
    parser.add_argument("--output", type=Path, default=ROOT / "docs/experiments")
    options = parser.parse_args()
    if options.seconds < 2 or any(scale < 1 for scale in options.scale or []):
        parser.error("--seconds must be 2 or more, --scale 1 or more")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    options.data.mkdir(parents=True, exist_ok=True)
    for run in RUNS:
        for scale in options.scale or [1, 100]:
            if options.only is None or run.experiment in options.only:
                print(f"{run.title} at {scale}×", file=sys.stderr)
                result = measure(run, scale, options.seconds)
                (options.data / f"{run.name}-{scale}.json").write_text(json.dumps(result))
                # After each run, so that one that is cut short leaves what was measured before it.
                report.write(options.data, options.output)


main()
