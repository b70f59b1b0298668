import KVHistory
import Testing

/// Majorities of two epochs of a shard must not serve at the same moment.
@Suite struct EpochTests {
    private let old = ["n1", "n2", "n3"]
    private let new = ["n3", "n4", "n5"]

    /// Each node says that it serves at the begin and at the end of a time.
    private func serve(_ story: inout Story, _ node: String, _ epoch: UInt64, _ times: ClosedRange<UInt64>) {
        let members = epoch == 1 ? old : new
        story.serving(node, epoch: epoch, of: members, times.lowerBound...times.lowerBound)
        story.serving(node, epoch: epoch, of: members, times.upperBound...times.upperBound)
    }

    @Test func oneEpochAfterTheOtherIsWell() {
        var story = Story()
        for node in ["n1", "n2", "n3"] { serve(&story, node, 1, 1...10) }
        for node in ["n3", "n4", "n5"] { serve(&story, node, 2, 11...20) }
        #expect(story.kinds.isEmpty)
    }

    @Test func twoMajoritiesAtOnceAreFound() {
        var story = Story()
        for node in ["n1", "n2"] { serve(&story, node, 1, 1...10) }
        for node in ["n4", "n5"] { serve(&story, node, 2, 10...20) }
        #expect(story.kinds == [.twoEpochs])
    }

    /// One node that has not heard of the change can acknowledge nothing.
    @Test func minorityMayLagBehind() {
        var story = Story()
        serve(&story, "n1", 1, 1...30)
        serve(&story, "n2", 1, 1...10)
        for node in ["n3", "n4", "n5"] { serve(&story, node, 2, 11...20) }
        #expect(story.kinds.isEmpty)
    }

    /// Both of the old majority lag, but never at the same moment as a new one.
    @Test func majorityCountsByTheMoment() {
        var story = Story()
        serve(&story, "n1", 1, 1...10)
        serve(&story, "n2", 1, 12...20)
        serve(&story, "n4", 2, 1...30)
        serve(&story, "n5", 2, 1...30)
        #expect(story.kinds.isEmpty)
        serve(&story, "n3", 1, 9...13)
        #expect(story.kinds == [.twoEpochs])
    }

    /// Nothing is known of the time before an answer was complete.
    @Test func oneAnswerProvesNoStretch() {
        var story = Story()
        for node in ["n1", "n2"] { serve(&story, node, 1, 1...10) }
        for node in ["n4", "n5"] { story.serving(node, epoch: 2, of: new, 2...9) }
        #expect(story.kinds.isEmpty)
    }

    @Test func nodeThatIsNoMemberCountsForNothing() {
        var story = Story()
        for node in ["n1", "n2"] { serve(&story, node, 1, 1...10) }
        for node in ["n1", "n4"] { serve(&story, node, 2, 2...9) }
        #expect(story.kinds.isEmpty)
    }
}
