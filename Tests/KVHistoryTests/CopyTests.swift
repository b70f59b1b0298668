import KVCore
import KVHistory
import Testing

/// What the owners have at the end.
@Suite struct CopyTests {
    private func story(level: Level = .quorum) -> Story {
        var story = Story()
        story.set("a", 1...2, version: 1, level: level)
        story.set("b", 3...4, version: 2, level: level)
        return story
    }

    @Test func equalCopiesOfTheNewestWriteAreWell() {
        var story = story()
        story.copies(.live("b", 2), .live("b", 2))
        #expect(story.kinds.isEmpty)
    }

    @Test func acknowledgedWriteThatOneOwnerLacksIsLost() {
        var story = story()
        story.copies(.live("b", 2), .none)
        #expect(story.kinds == [.lostWrite, .replicasDiffer])
    }

    @Test func acknowledgedWriteThatAllOwnersLackIsLost() {
        var story = story()
        story.copies(.none, .none)
        #expect(story.kinds == [.lostWrite, .lostWrite])
        story = self.story(level: .all)
        story.copies(.live("a", 1), .live("a", 1))
        #expect(story.kinds == [.lostWrite, .lostWrite])
    }

    /// One replica took it, and may have lost it with its memory.
    @Test func writeAtOneIsNotPromised() {
        var story = story(level: .one)
        story.copies(.none, .none)
        #expect(story.kinds.isEmpty)
    }

    @Test func unacknowledgedWriteMayHaveWonEverywhere() {
        var story = story()
        story.set("c", 5...6, version: 3, outcome: .indeterminate)
        story.copies(.live("c", 3), .live("c", 3))
        #expect(story.kinds.isEmpty)
        story = self.story()
        story.set("c", 5...6, version: 3, outcome: .indeterminate)
        story.copies(.live("c", 3), .live("b", 2))
        #expect(story.kinds == [.replicasDiffer])
    }

    @Test func markersMayBeGone() {
        var story = story()
        story.delete(5...6, version: 3)
        story.copies(.marker(.deleted, 3), .none)
        #expect(story.kinds.isEmpty)
    }

    @Test func deletedValueIsBack() {
        var story = story()
        story.delete(5...6, version: 3)
        story.copies(.live("b", 2), .none)
        #expect(story.kinds == [.replicasDiffer, .resurrection].sorted { $0.rawValue < $1.rawValue })
    }

    @Test func inventedCopyIsFound() {
        var story = story()
        story.copies(.live("x", 9), .live("x", 9))
        #expect(story.kinds == [.invented, .invented])
    }
}
