import Glibc
import KVStorage

/// A line of output, at once: a run takes minutes.
func emit(_ line: String) {
    print(line)
    fflush(nil)
}

func rounded(_ number: Double) -> Double { (number * 10).rounded() / 10 }

let usage = """
    usage: storage-benchmark [KEYS…]

    Measures the tables without a server, at each number of keys [10000 100000 1000000 10000000]:
      - structures that find expired keys, each beside the same table: cost of Set, of update, of expiry, longest step
      - the longest step of maintenance: growth, expiry, purge, compaction
    Times are CPU time of the thread. Prints a line of JSON for each.

    """

var keyCounts: [Int] = []
for argument in CommandLine.arguments.dropFirst() {
    // The order of keys steps by a prime that must not divide their number.
    guard let count = Int(argument), (100...100_000_000).contains(count) else {
        let isHelp = argument == "--help" || argument == "-h"
        print(usage)
        exit(isHelp ? 0 : 2)
    }
    keyCounts.append(count)
}
if keyCounts.isEmpty { keyCounts = [10_000, 100_000, 1_000_000, 10_000_000] }

/// The budget of a slice in the server, in nanoseconds by estimate.
let sliceBudget = 50_000
for keyCount in keyCounts {
    let benchmark = StructureBenchmark(keyCount: keyCount)
    emit(benchmark.measureSweep("read check + sweep in slices", budget: sliceBudget).json)
    emit(benchmark.measureSweep("full scan", budget: .max).json)
    emit(benchmark.measure(HeapIndex.self).json)
    emit(benchmark.measure(WheelIndex.self).json)
    MaintenanceBenchmark(keyCount: keyCount, budget: sliceBudget).run()
}
