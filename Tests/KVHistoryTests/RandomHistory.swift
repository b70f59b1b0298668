import KVCore
import KVHistory
import KVSharding

/// Small histories of one key, good and bad ones: what is seen is mostly of some write, versions mostly rise.
struct RandomHistory {
    private var random: SeededRandom
    private var story = Story()
    private var records: [Record] = []

    /// Anything that may happen.
    static func any(seed: UInt64) -> Story {
        var maker = RandomHistory(random: SeededRandom(seed: seed))
        maker.story.promises = Promises(
            clockToleranceMilliseconds: maker.number(0...3),
            oneSeesAll: maker.number(0...1) == 1,
            quorumReadsAreMonotone: maker.number(0...1) == 1,
            writesFollowReads: maker.number(0...1) == 1
        )
        for index in 0..<maker.number(1...4) { maker.addWrite(index) }
        if maker.number(0...4) == 0 { maker.story.drop(maker.times(), isComplete: maker.number(0...3) > 0) }
        if maker.number(0...9) == 0 { maker.records.append(.live("nobody's", 999)) }
        for _ in 0..<maker.number(0...3) { maker.addRead(level: maker.level()) }
        if maker.number(0...1) == 1 {
            for owner in 1...maker.number(1...3) { maker.addCopy(owner) }
        }
        return maker.story
    }

    /// Acknowledged writes and reads of a majority; deadlines play no part, and deleted keys show their markers.
    static func ofQuorums(seed: UInt64) -> Story {
        var maker = RandomHistory(random: SeededRandom(seed: seed))
        maker.story.promises.writesFollowReads = true
        for index in 0..<maker.number(1...4) {
            let times = maker.times()
            let version = maker.version(index, times)
            if maker.number(0...3) == 0 {
                maker.story.delete(times, version: version)
                maker.records.append(.marker(.deleted, version))
            } else {
                maker.story.set("v\(index)", times, version: version)
                maker.records.append(.live("v\(index)", version))
            }
        }
        for _ in 0..<maker.number(1...4) { maker.addRead(level: .quorum) }
        // No record tells no version: where there are deletes, it could be any of them.
        if maker.records.contains(where: { $0.kind == .deleted }) {
            maker.story.history.reads.removeAll { $0.record == .none }
        }
        return maker.story
    }

    private mutating func number(_ range: ClosedRange<UInt64>) -> UInt64 { .random(in: range, using: &random) }

    private mutating func level() -> Level { Level.allCases.randomElement(using: &random)! }

    private mutating func times() -> ClosedRange<UInt64> {
        let begin = number(1...20)
        return begin...(begin + number(1...5))
    }

    /// About the time at which the write began; no two are equal.
    private mutating func version(_ index: UInt64, _ times: ClosedRange<UInt64>) -> UInt64 {
        (times.lowerBound + number(0...4)) * 10 + index
    }

    private mutating func addWrite(_ index: UInt64) {
        let times = times()
        let version = version(index, times)
        let outcome: Write.Outcome = [.acknowledged, .acknowledged, .indeterminate, .failed].randomElement(
            using: &random
        )!
        let isDelete = number(0...2) == 0
        let ttl = isDelete || number(0...1) == 0 ? 0 : number(1...8)
        let expiresAt = ttl == 0 ? 0 : times.lowerBound + ttl + number(0...2)
        story.write(
            isDelete ? nil : Array("v\(index)".utf8),
            times,
            number(0...3) == 0 ? [version + 5, version] : [version],
            level(),
            outcome,
            ttl,
            expiresAt
        )
        if isDelete {
            records.append(.marker(.deleted, version))
        } else {
            records.append(.live("v\(index)", version, expiresAt: expiresAt))
            if expiresAt > 0 { records.append(.marker(.expired, version)) }
        }
    }

    private mutating func addRead(level: Level) {
        story.read(record(), times(), level: level)
    }

    private mutating func addCopy(_ owner: UInt64) {
        story.history.copies.append(
            Copy(node: "n\(owner)", key: Story.key, span: Story.span(times()), record: record())
        )
    }

    private mutating func record() -> Record {
        number(0...3) == 0 ? .none : records.randomElement(using: &random)!
    }
}
