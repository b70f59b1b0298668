import KVCore
import KVHistory
import Testing

/// What the owners have at the end.
@Suite struct CopyTests {
    @Test func equalCopiesOfTheNewestWriteAreWell() {
        var story = Story.twoWrites()
        story.copies(.live("b", 2), .live("b", 2))
        #expect(story.kinds.isEmpty)
    }

    @Test func acknowledgedWriteThatOneOwnerLacksIsLost() {
        var story = Story.twoWrites()
        story.copies(.live("b", 2), .none)
        #expect(story.kinds == [.lostWrite, .replicasDiffer])
    }

    @Test func acknowledgedWriteThatAllOwnersLackIsLost() {
        var story = Story.twoWrites()
        story.copies(.none, .none)
        #expect(story.kinds == [.lostWrite, .lostWrite])
        story = Story.twoWrites(level: .all)
        story.copies(.live("a", 1), .live("a", 1))
        #expect(story.kinds == [.lostWrite, .lostWrite])
    }

    /// One replica took it, and may have lost it with its memory.
    @Test func writeAtOneIsNotPromised() {
        var story = Story.twoWrites(level: .one)
        story.copies(.none, .none)
        #expect(story.kinds.isEmpty)
    }

    @Test func unacknowledgedWriteMayHaveWonEverywhere() {
        var story = Story.twoWrites()
        story.set("c", 5...6, version: 3, outcome: .indeterminate)
        story.copies(.live("c", 3), .live("c", 3))
        #expect(story.kinds.isEmpty)
        story = Story.twoWrites()
        story.set("c", 5...6, version: 3, outcome: .indeterminate)
        story.copies(.live("c", 3), .live("b", 2))
        #expect(story.kinds == [.replicasDiffer])
    }

    @Test func markersMayBeGone() {
        var story = Story.twoWrites()
        story.delete(5...6, version: 3)
        story.copies(.marker(.deleted, 3), .none)
        #expect(story.kinds.isEmpty)
    }

    @Test func markersOfUnacknowledgedWritesMayDiffer() {
        var story = Story.twoWrites()
        story.delete(5...6, version: 3)
        story.delete(7...8, version: 4, outcome: .indeterminate)
        story.copies(.marker(.deleted, 4), .marker(.deleted, 3))
        #expect(story.kinds.isEmpty)
    }

    @Test func deletedValueIsBack() {
        var story = Story.twoWrites()
        story.delete(5...6, version: 3)
        story.copies(.live("b", 2), .none)
        #expect(story.kinds == [.replicasDiffer, .resurrection])
    }

    @Test func inventedCopyIsFound() {
        var story = Story.twoWrites()
        story.copies(.live("x", 9), .live("x", 9))
        #expect(story.kinds == [.invented, .invented])
    }
}
