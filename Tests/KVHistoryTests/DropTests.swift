import KVHistory
import Testing

/// A shard was given to no node for a while.
@Suite struct DropTests {
    @Test func nothingOfBeforeIsOwed() {
        var story = Story.twoWrites()
        story.drop(5...6)
        story.read(.none, 8...9)
        story.copies(.none, .none)
        #expect(story.kinds.isEmpty)
    }

    @Test func valueOfBeforeIsBack() {
        var story = Story.twoWrites()
        story.drop(5...6)
        story.read(.live("b", 2), 8...9)
        story.copies(.live("b", 2), .live("b", 2))
        #expect(story.kinds == [.resurrection, .resurrection, .resurrection])
    }

    /// Not every node knew of it yet.
    @Test func valueMayBeSeenMeanwhile() {
        var story = Story.twoWrites()
        story.drop(5...8)
        story.read(.live("b", 2), 7...9)
        #expect(story.kinds.isEmpty)
        story.drop(9...10, isComplete: false)
        story.read(.live("b", 2), 7...12)
        #expect(story.kinds.isEmpty)
    }

    @Test func writeUnderWayMayBeGoneOrNot() {
        for record in [Record.none, .live("a", 1)] {
            var story = Story()
            story.set("a", 1...5, version: 1)
            story.drop(4...6)
            story.read(record, 8...9)
            #expect(story.kinds.isEmpty)
        }
    }

    @Test func whatIsWrittenAfterwardsIsOwed() {
        var story = Story()
        story.drop(1...2)
        story.set("a", 3...4, version: 1)
        story.copies(.none, .none)
        #expect(story.kinds == [.lostWrite, .lostWrite])
    }

    @Test func otherShardsAreNotConcerned() {
        let kinds = [1, 2].map { shard in
            var story = Story.twoWrites()
            story.history.shardCount = 2
            story.history.drops = [Drop(shard: shard, span: Story.span(5...6))]
            story.copies(.none)
            return story.kinds
        }
        #expect(Set(kinds) == [[], [.lostWrite]])
    }
}
