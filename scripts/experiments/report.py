"""Turns measured runs into the tables and pictures of docs/experiments."""

import json
import re
from itertools import pairwise
from pathlib import Path
from statistics import median

import chart
from runs import RUNS, Run

KINDS = {"get": "Get", "set": "Set"}
PERCENTILES = ["p50", "p99", "p99.9", "max"]
Result = dict


def write(data: Path, output: Path) -> None:
    """Replaces what stands between the markers of the README, an experiment at a time; the words around are kept."""
    readme = output / "README.md"
    page = readme.read_text()
    for experiment in dict.fromkeys(run.experiment for run in RUNS):
        measured = [(run, result) for run in RUNS if run.experiment == experiment for result in stored(data, run)]
        if not measured:
            continue
        pictures = []
        for run, result in measured:
            name = f"{run.name}-{result['scale']}x"
            (output / f"{name}.svg").write_text(draw(run, result))
            pictures.append(f"![{run.title}, {result['scale']}×]({name}.svg)")
        begin, end = f"<!-- {experiment}: written by scripts/experiments/run.sh -->", f"<!-- {experiment}: end -->"
        place = re.compile(re.escape(begin) + ".*?" + re.escape(end), re.DOTALL)
        if not place.search(page):
            raise SystemExit(f"error: {readme} has no place for {experiment}")
        block = "\n".join([begin, *table(measured), "", *pictures, end])
        page = place.sub(lambda _, block=block: block, page)
    readme.write_text(page)


def stored(data: Path, run: Run) -> list[Result]:
    results = [json.loads(path.read_text()) for path in data.glob("*.json")]
    return sorted((result for result in results if result["name"] == run.name), key=lambda result: result["scale"])


def table(measured: list[tuple[Run, Result]]) -> list[str]:
    """A column for each run."""
    columns = {f"{run.title}, {result['scale']}×": column(run, result) for run, result in measured}
    rows = dict.fromkeys(row for cells in columns.values() for row in cells)
    lines = [["", *columns], ["---"] * (len(columns) + 1)]
    lines += [[row, *(cells.get(row, "–") for cells in columns.values())] for row in rows]
    return ["| " + " | ".join(line) + " |" for line in lines]


def column(run: Run, result: Result) -> dict[str, str]:
    summary, scale = result["summary"], result["scale"]
    totals = {kind: summary[kind]["succeeded"] + summary[kind]["failed"] for kind in KINDS}
    rates = [f"{totals[kind] / summary['elapsed_seconds']:,.0f}" for kind in KINDS]
    cells = {
        "Gets + Sets a second, asked": f"{run.gets * scale:,} + {run.sets * scale:,}",
        "reached": " + ".join(rates),
    }
    for kind, name in KINDS.items():
        cells[f"{name}s that failed"] = f"{summary[kind]['failed']:,} of {totals[kind]:,}"
    cells["wrong answers"] = f"{summary['wrong_responses']:,}"
    for kind, name in KINDS.items():
        latency = summary[kind]["latency_microseconds"]
        cells[f"{name}, µs: p50, p99, p99.9, longest"] = ", ".join(f"{latency[each]:,}" for each in PERCENTILES)
    if result["events"]:
        for kind, name in KINDS.items():
            for field, statistic in (("p50_us", median), ("max_us", max)):
                phases = " → ".join(f"{statistic(values):,.0f}" if values else "–" for values in by_phase(result, kind, field))
                label = "p50" if statistic is median else "longest"
                cells[f"{name}, {label}, µs: before, between and after the marks"] = phases
    memory = [bytes_ / 2**20 for _, bytes_ in resident(result)]
    cells["memory of all servers, MiB: first, most, last"] = f"{memory[0]:.0f}, {max(memory):.0f}, {memory[-1]:.0f}"
    cores = busy_cores(result)
    cells["servers' CPU, cores: sum; of each node"] = f"{sum(cores):.2f}; {', '.join(f'{each:.2f}' for each in cores)}"
    return cells | {name: f"{finding:,}" for name, finding in result["findings"].items()}


def begin_of(result: Result) -> int:
    return int(result["latencies"][0]["unix_ms"])


def seconds_since_begin(result: Result, unix_ms: float) -> float:
    return (unix_ms - begin_of(result)) / 1000


def points(result: Result, kind: str, field: str) -> chart.Points:
    return [
        (seconds_since_begin(result, int(row["unix_ms"])), float(row[field]))
        for row in result["latencies"]
        if row["operation"] == kind and row[field] != "-"
    ]


def by_phase(result: Result, kind: str, field: str) -> list[list[float]]:
    """The values before, between and after the events."""
    # An interval that an event falls into belongs to what came of it.
    marks = [seconds_since_begin(result, event) - 0.1 for event in result["events"].values()]
    series = points(result, kind, field)
    return [[y for x, y in series if low < x <= high] for low, high in pairwise([-1, *marks, float("inf")])]


def samples(result: Result) -> list[dict]:
    """Those taken under load."""
    end = begin_of(result) + result["seconds"] * 1000
    return [sample for sample in result["samples"] if begin_of(result) <= sample["unix_ms"] <= end]


def resident(result: Result) -> chart.Points:
    return [(seconds_since_begin(result, each["unix_ms"]), each["resident_bytes"]) for each in samples(result)]


def busy_cores(result: Result) -> list[float]:
    first, *_, last = samples(result)
    seconds = (last["unix_ms"] - first["unix_ms"]) / 1000
    return [(last["cpu_seconds"][node] - first["cpu_seconds"][node]) / seconds for node in first["cpu_seconds"]]


def draw(run: Run, result: Result) -> str:
    latencies = {
        f"{name} {field}": points(result, kind, f"{field}_us") for kind, name in KINDS.items() for field in ("p99", "p50")
    }
    memory = [(second, bytes_ / 2**20) for second, bytes_ in resident(result)]
    events = {label: seconds_since_begin(result, event) for label, event in result["events"].items()}
    seconds = max(result["seconds"], *(x for series in latencies.values() for x, _ in series))
    events = {label: second for label, second in events.items() if second <= seconds}
    title = f"{run.title}, {run.gets * result['scale']:,} Gets + {run.sets * result['scale']:,} Sets a second"
    return chart.draw(title, seconds, latencies, memory, events)
