import Glibc
import KVHistory
import Testing

/// The checker against two others that share nothing with it, on small random histories.
@Suite struct RandomTests {
    static let runs = getenv("SHARDKV_FUZZ_ITERATIONS").flatMap { UInt64(String(cString: $0)) } ?? 2000

    @Test func agreesWithThePromisesWordByWord() {
        var counts: [Violation.Kind: Int] = [:]
        var good = 0
        for seed in 0..<Self.runs {
            let story = RandomHistory.any(seed: seed)
            let found = story.history.violations(of: story.promises)
            let pairs = found.map { PlainChecker.Pair($0.kind, $0.subject) }
            let expected = PlainChecker.violations(story.history, story.promises)
            if Set(pairs) != expected {
                let lines = story.history.lines.joined(separator: "\n")
                Issue.record("seed \(seed): \(expected) expected, found \(found), in\n\(lines)")
                return
            }
            #expect(pairs.count == expected.count, "each is told once: seed \(seed)")
            if found.isEmpty { good += 1 }
            for violation in found { counts[violation.kind, default: 0] += 1 }
        }
        // Both kinds of histories, and every violation that this generator can make.
        #expect(good > Self.runs / 50)
        for kind in Violation.Kind.allCases where kind != .twoEpochs && kind != .versionReused {
            #expect(counts[kind, default: 0] > 0, "\(kind) \(counts)")
        }
    }

    @Test func agreesWithTheSearchForALinearization() {
        var good = 0
        for seed in 0..<Self.runs {
            let story = RandomHistory.ofQuorums(seed: seed)
            let found = story.history.violations(of: story.promises)
            let lines = story.history.lines.joined(separator: "\n")
            if found.isEmpty != Linearization.exists(story.history) {
                Issue.record("seed \(seed): \(found), in\n\(lines)")
                return
            }
            if found.isEmpty { good += 1 }
        }
        #expect(good > Self.runs / 20 && good < Self.runs * 19 / 20, "\(good) of \(Self.runs) are linearizable")
    }
}
