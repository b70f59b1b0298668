import KVCore
import KVHistory
import Testing

/// What is wrong with writes alone.
@Suite struct WriteTests {
    @Test func writesInTheOrderOfTheirVersionsAreWell() {
        var story = Story()
        story.set("a", 1...2, version: 1)
        story.set("b", 3...4, version: 2)
        story.delete(5...6, version: 3, level: .all)
        #expect(story.kinds.isEmpty)
    }

    @Test func laterWriteWithTheSmallerVersionHasLost() {
        var story = Story()
        story.set("a", 1...2, version: 9)
        story.set("b", 3...4, version: 2)
        #expect(story.kinds == [.lostOrder])
    }

    /// Neither knew of the other.
    @Test func writesThatOverlapMayHaveAnyOrder() {
        var story = Story()
        story.set("a", 1...3, version: 9)
        story.set("b", 3...4, version: 2)
        #expect(story.kinds.isEmpty)
    }

    @Test func unacknowledgedWriteOwesNothingAndIsOwedNothing() {
        var story = Story()
        story.set("a", 1...2, version: 9, outcome: .indeterminate)
        story.set("b", 3...4, version: 2)
        story.set("c", 5...6, version: 1, outcome: .indeterminate)
        #expect(story.kinds.isEmpty)
    }

    /// What one replica took may be lost with it; what all took, any one knows.
    @Test func levelsThatHaveNoReplicaInCommonPromiseNoOrder() {
        var story = Story()
        story.set("a", 1...2, version: 9, level: .one)
        story.set("b", 3...4, version: 2, level: .all)
        #expect(story.kinds.isEmpty)
        story = Story()
        story.set("a", 1...2, version: 9, level: .all)
        story.set("b", 3...4, version: 2, level: .one)
        #expect(story.kinds == [.lostOrder])
        story = Story()
        story.set("a", 1...2, version: 9, level: .quorum)
        story.set("b", 3...4, version: 2, level: .one)
        #expect(story.kinds.isEmpty)
    }

    /// The client's second stamp, above what superseded the first, is what counts.
    @Test func lastStampCounts() {
        var story = Story()
        story.set("a", 1...2, version: 5)
        story.write(Array("b".utf8), 3...4, [4, 6], .quorum, .acknowledged, 0, 0)
        #expect(story.kinds.isEmpty)
        story.write(Array("c".utf8), 5...6, [8, 3], .quorum, .acknowledged, 0, 0)
        #expect(story.kinds == [.lostOrder])
    }

    @Test func versionIdentifiesAWrite() {
        var story = Story()
        story.set("a", 1...9, version: 1)
        story.set("b", 1...9, version: 1)
        #expect(story.kinds == [.versionReused])
    }

    @Test func valueMustNotLiveLongerThanAskedFor() {
        var story = Story()
        story.promises.clockToleranceMilliseconds = 5
        story.set("a", 1...2, version: 1, ttl: 10, expiresAt: 17)
        #expect(story.kinds.isEmpty)
        story.set("b", 3...4, version: 2, ttl: 10, expiresAt: 20)
        #expect(story.kinds == [.longerLife])
        story.set("c", 5...6, version: 3, expiresAt: 0)
        story.set("d", 7...8, version: 4, ttl: 10, expiresAt: 0)
        #expect(story.kinds == [.longerLife, .longerLife])
    }

    @Test func linearizableWriteWinsOverWhatWasRead() {
        var story = Story()
        story.set("a", 1...9, version: 5, outcome: .indeterminate)
        story.read(.live("a", 5), 2...3)
        story.set("b", 4...5, version: 2)
        #expect(story.kinds.isEmpty)
        story.promises.writesFollowReads = true
        #expect(story.kinds == [.writeBelowRead])
    }
}
