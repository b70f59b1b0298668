import KVStorage

/// The longest step of each kind of maintenance, at the budget that the server gives a slice.
struct MaintenanceBenchmark {
    let keyCount: Int
    /// Of a step, in nanoseconds by estimate.
    let budget: Int

    func run() {
        let table = Table()
        defer { table.free() }
        let order = KeyOrder(keyCount: keyCount)
        var growth = StepTimes()
        for position in 0..<keyCount {
            let key = order[position]
            // Half of them expire at 10 s, a quarter much later, a quarter never.
            let expiresAt: UInt64 = key & 1 == 0 ? 10_000 : key & 2 == 0 ? 100_000_000 + UInt64(key) : 0
            growth.measure { table.set(key, time: 1, expiresAt: expiresAt, now: 1_000) }
        }
        report("growth: a Set", growth, table)
        sweep("expiry: half of the keys are due", table, now: 10_000)
        sweep("expiry: nothing is due", table, now: 10_001)
        sweep("purge: as many markers are dropped", table, now: 80_000)
        for key in stride(from: 1, to: keyCount, by: 2) where key % 3 != 0 { table.delete(key, time: 2, now: 80_000) }
        sweep("purge: two thirds of the rest were deleted", table, now: 150_000)
        compact(table, now: 150_001)
        var release = StepTimes()
        var isDone = false
        while !isDone { release.measure { isDone = table.store.release(budget: budget) } }
        report("purge: the shard is dropped", release, table)
    }

    /// As many passes as move something: a slab may be chosen when some of its records were already looked at.
    private func compact(_ table: Table, now: UInt64) {
        var steps = StepTimes()
        var moved = 1
        while moved > 0 {
            moved = 0
            table.pool.planCompaction()
            var result = SweepResult()
            while !result.finishedPass {
                steps.measure {
                    result = table.store.sweep(now: now, markerRetentionMilliseconds: 60_000, budget: budget)
                }
                moved += result.moved
            }
        }
        report("compaction", steps, table)
    }

    private func sweep(_ what: String, _ table: Table, now: UInt64) {
        var steps = StepTimes()
        var result = SweepResult()
        while !result.finishedPass {
            steps.measure {
                result = table.store.sweep(now: now, markerRetentionMilliseconds: 60_000, budget: budget)
            }
        }
        report(what, steps, table)
    }

    private func report(_ what: String, _ steps: StepTimes, _ table: Table) {
        emit(
            "{\"benchmark\":\"maintenance\",\"what\":\"\(what)\",\"keys\":\(keyCount),\"steps\":\(steps.count),"
                + "\"total_ms\":\(rounded(Double(steps.total) / 1e6)),"
                + "\"longest_us\":\(rounded(steps.longestMicroseconds)),"
                + "\"allocated_bytes\":\(table.pool.allocatedBytes)}"
        )
    }
}
