import KVStorage

/// One line of the table that compares the structures, each beside the same store.
struct StructureResult {
    var name: String
    var keyCount: Int
    var setNanoseconds: Double
    var updateNanoseconds: Double
    var expireNanoseconds: Double
    var longestStepMicroseconds: Double

    var json: String {
        "{\"benchmark\":\"expiry structure\",\"structure\":\"\(name)\",\"keys\":\(keyCount),"
            + "\"set_ns\":\(rounded(setNanoseconds)),\"update_ns\":\(rounded(updateNanoseconds)),"
            + "\"expire_ns\":\(rounded(expireNanoseconds)),\"longest_step_us\":\(rounded(longestStepMicroseconds))}"
    }
}

/// Sets all keys, sets them again with another deadline, and lets half of them expire in the same second.
struct StructureBenchmark {
    let keyCount: Int
    private let start: UInt64 = 1_000

    /// The second half expires an hour later, in the same order: a step has some of both in front of it.
    private func deadline(_ key: Int) -> UInt64 {
        key & 1 == 0 ? 10_000 + UInt64(key % 1000) : 3_610_000 + UInt64(key % 1000)
    }

    func measure<Index: ExpiryIndex>(_: Index.Type) -> StructureResult {
        let table = Table()
        defer { table.free() }
        var index = Index(keyCount: keyCount)
        defer { index.free() }
        let order = KeyOrder(keyCount: keyCount)
        let set = ThreadClock.measure {
            for position in 0..<keyCount {
                let key = order[position]
                table.set(key, time: 1, expiresAt: 5_000 + UInt64(key % 4096), now: start)
                index.set(key, deadline: 5_000 + UInt64(key % 4096))
            }
        }
        let update = ThreadClock.measure {
            for position in 0..<keyCount {
                let key = order[keyCount - 1 - position]
                table.set(key, time: 2, expiresAt: deadline(key), now: start)
                index.set(key, deadline: deadline(key))
            }
        }
        var steps = StepTimes()
        var expired = 0
        var hasMore = true
        while hasMore {
            steps.measure {
                hasMore = index.step(now: 11_000) { key in
                    table.expire(key, time: 2, expiresAt: deadline(key))
                    expired += 1
                }
            }
        }
        precondition(expired == keyCount / 2, "each due key expires once")
        return result(Index.name, set, update, steps.total, expired, steps)
    }

    /// Without an index: deadlines stand in the records, readers check them, and a sweep frees what is due. With a budget
    /// it goes on in slices; without one it is the full scan.
    func measureSweep(_ name: String, budget: Int) -> StructureResult {
        let table = Table()
        defer { table.free() }
        let order = KeyOrder(keyCount: keyCount)
        let set = ThreadClock.measure {
            for position in 0..<keyCount {
                let key = order[position]
                table.set(key, time: 1, expiresAt: 5_000 + UInt64(key % 4096), now: start)
            }
        }
        let update = ThreadClock.measure {
            for position in 0..<keyCount {
                let key = order[keyCount - 1 - position]
                table.set(key, time: 2, expiresAt: deadline(key), now: start)
            }
        }
        var steps = StepTimes()
        var result = SweepResult()
        var expired = 0
        while !result.finishedPass {
            steps.measure {
                result = table.store.sweep(now: 11_000, markerRetentionMilliseconds: 60_000, budget: budget)
            }
            expired += result.expired
        }
        precondition(expired == keyCount / 2, "each due key expires once")
        return self.result(name, set, update, steps.total, expired, steps)
    }

    private func result(
        _ name: String,
        _ set: UInt64,
        _ update: UInt64,
        _ expire: UInt64,
        _ expired: Int,
        _ steps: StepTimes
    ) -> StructureResult {
        StructureResult(
            name: name,
            keyCount: keyCount,
            setNanoseconds: Double(set) / Double(keyCount),
            updateNanoseconds: Double(update) / Double(keyCount),
            expireNanoseconds: Double(expire) / Double(expired),
            longestStepMicroseconds: steps.longestMicroseconds
        )
    }
}
