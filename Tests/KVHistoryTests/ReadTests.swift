import KVCore
import KVHistory
import Testing

/// What is wrong with an answer, given the writes.
@Suite struct ReadTests {
    @Test func newestValueIsWell() {
        var story = Story.twoWrites()
        story.read(.live("b", 2), 5...6)
        #expect(story.kinds.isEmpty)
    }

    @Test func overwrittenValueIsStale() {
        var story = Story.twoWrites()
        story.read(.live("a", 1), 5...6)
        #expect(story.kinds == [.staleRead])
    }

    /// The overwriting was not acknowledged when the read began.
    @Test func olderValueDuringTheOverwritingIsWell() {
        var story = Story.twoWrites()
        story.read(.live("a", 1), 4...5)
        #expect(story.kinds.isEmpty)
    }

    @Test func missingValueIsStale() {
        var story = Story.twoWrites()
        story.read(.none, 5...6)
        #expect(story.kinds == [.staleRead])
    }

    @Test func missingValueBeforeAnyWriteIsWell() {
        var story = Story.twoWrites()
        story.read(.none, 1...2)
        #expect(story.kinds.isEmpty)
    }

    /// A read of one replica sees what all have, not what a majority has.
    @Test func levelDecidesWhatIsOwed() {
        var story = Story.twoWrites(level: .quorum)
        story.read(.live("a", 1), 5...6, level: .one)
        #expect(story.kinds.isEmpty)
        story = Story.twoWrites(level: .all)
        story.read(.live("a", 1), 5...6, level: .one)
        #expect(story.kinds == [.staleRead])
        story.promises.oneSeesAll = false
        #expect(story.kinds.isEmpty)
        story = Story.twoWrites(level: .one)
        story.read(.none, 5...6, level: .all)
        #expect(story.kinds.isEmpty)
    }

    @Test func deletedKeyStaysDeleted() {
        for level in [Level.quorum, .all] {
            var story = Story.twoWrites()
            story.delete(5...6, version: 3, level: level)
            story.read(.marker(.deleted, 3), 7...8)
            story.read(.none, 7...8)
            #expect(story.kinds.isEmpty)
            story.read(.live("b", 2), 7...8)
            #expect(story.kinds == [.resurrection])
        }
    }

    /// The marker of a delete that nobody has acknowledged may be gone already, and the key with it.
    @Test func missingRecordMayBeAnUnacknowledgedDelete() {
        var story = Story.twoWrites()
        story.delete(7...8, version: 3, outcome: .indeterminate)
        story.read(.none, 7...8)
        #expect(story.kinds.isEmpty)
        story.read(.none, 5...6)
        #expect(story.kinds == [.staleRead])
    }

    /// A delete that certainly did not happen excuses nothing, nor does one with a smaller version.
    @Test func otherDeletesExcuseNoMissingRecord() {
        var story = Story.twoWrites()
        story.delete(5...6, version: 3, outcome: .failed)
        story.delete(5...6, version: 1, outcome: .indeterminate)
        story.history.writes[3].stamps[0].version.time -= 1
        story.read(.none, 7...8)
        #expect(story.kinds == [.staleRead])
    }

    @Test func valueThatNobodyWroteIsInvented() {
        for record in [
            Record.live("x", 2), .live("b", 7), .live("b", 2, expiresAt: 9), .marker(.deleted, 2), .marker(.expired, 2),
        ] {
            var story = Story.twoWrites()
            story.read(record, 5...6)
            #expect(story.kinds == [.invented], "\(record)")
        }
    }

    @Test func valueMustNotBeSeenBeforeItIsWritten() {
        var story = Story.twoWrites()
        story.set("c", 7...8, version: 3)
        story.read(.live("c", 3), 5...6)
        #expect(story.kinds == [.seenTooEarly])
    }

    @Test func failedWriteMustNotBeSeen() {
        var story = Story.twoWrites()
        story.set("c", 5...6, version: 3, outcome: .failed)
        story.read(.live("c", 3), 7...8)
        #expect(story.kinds == [.failedWriteSeen])
    }

    @Test func indeterminateWriteMayBeSeen() {
        var story = Story.twoWrites()
        story.set("c", 5...6, version: 3, outcome: .indeterminate)
        story.read(.live("c", 3), 7...8)
        #expect(story.kinds.isEmpty)
    }

    @Test func quorumReadsDoNotGoBack() {
        var story = Story.twoWrites()
        story.set("c", 5...6, version: 3, outcome: .indeterminate)
        story.read(.live("c", 3), 7...8)
        story.read(.live("b", 2), 8...9)
        #expect(story.kinds.isEmpty, "they overlap")
        story.read(.live("b", 2), 10...11)
        #expect(story.kinds == [.readWentBack])
        story.promises.quorumReadsAreMonotone = false
        #expect(story.kinds.isEmpty)
    }

    @Test func readsOfOneReplicaMayGoBack() {
        var story = Story.twoWrites()
        story.set("c", 5...6, version: 3, outcome: .indeterminate)
        story.read(.live("c", 3), 7...8, level: .one)
        story.read(.live("b", 2), 9...10, level: .one)
        #expect(story.kinds.isEmpty)
    }
}
