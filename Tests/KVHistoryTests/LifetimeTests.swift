import KVCore
import KVHistory
import Testing

/// Values with a time to live, under clocks that are 5 ms apart at most.
@Suite struct LifetimeTests {
    private func story() -> Story {
        var story = Story()
        story.promises.clockToleranceMilliseconds = 5
        story.set("a", 1...2, version: 1)
        story.set("b", 3...4, version: 2, ttl: 20, expiresAt: 24)
        return story
    }

    @Test func valueIsThereUntilItsDeadline() {
        var story = story()
        story.read(.live("b", 2, expiresAt: 24), 10...12)
        story.read(.live("b", 2, expiresAt: 24), 28...29)
        story.read(.none, 19...20)
        story.read(.marker(.expired, 2), 19...20)
        #expect(story.kinds.isEmpty)
    }

    @Test func valuePastItsDeadlineIsWrong() {
        var story = story()
        story.read(.live("b", 2, expiresAt: 24), 29...30)
        #expect(story.kinds == [.expiredValue])
    }

    @Test func expiryBeforeTheDeadlineIsWrong() {
        var story = story()
        story.read(.marker(.expired, 2), 17...18)
        #expect(story.kinds == [.earlyExpiry])
        story = self.story()
        story.read(.none, 17...18)
        #expect(story.kinds == [.staleRead])
    }

    @Test func expiredValueUncoversNoOlderOne() {
        var story = story()
        story.read(.live("a", 1), 30...31)
        #expect(story.kinds == [.resurrection])
    }

    @Test func overwrittenValueBeforeTheDeadlineIsStale() {
        var story = story()
        story.read(.live("a", 1), 10...11)
        #expect(story.kinds == [.staleRead])
    }

    @Test func ownersMayDropWhatHasExpired() {
        var story = story()
        story.copies(.marker(.expired, 2), .none)
        #expect(story.kinds.isEmpty)
        story = self.story()
        story.copies(.live("b", 2, expiresAt: 24), .none, .marker(.expired, 2), at: 25)
        #expect(story.kinds.isEmpty)
        story = self.story()
        story.copies(.live("b", 2, expiresAt: 24), .none, at: 15)
        #expect(story.kinds == [.lostWrite, .replicasDiffer])
    }
}
