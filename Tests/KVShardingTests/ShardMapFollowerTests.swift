import KVSharding
import Testing

@Suite struct MapEpochTests {
    @Test func theMapsOwnNumberCounts() {
        #expect(MapEpoch.number(declared: 3, modifiedAtMilliseconds: 50, current: 1, now: 100) == 3)
        #expect(MapEpoch.number(declared: 3, modifiedAtMilliseconds: 50, current: nil, now: 100) == 3)
    }

    @Test func otherwiseTheFilesTimeOrOneMore() {
        #expect(MapEpoch.number(declared: nil, modifiedAtMilliseconds: 50, current: nil, now: 100) == 50)
        #expect(MapEpoch.number(declared: nil, modifiedAtMilliseconds: 50, current: 7, now: 100) == 50)
        #expect(MapEpoch.number(declared: nil, modifiedAtMilliseconds: 50, current: 50, now: 100) == 51)
        #expect(MapEpoch.number(declared: nil, modifiedAtMilliseconds: 999_999, current: 7, now: 100) == 60_100)
        #expect(
            MapEpoch.number(declared: nil, modifiedAtMilliseconds: 5, current: .max, now: .max) == UInt64(Int64.max)
        )
    }

    @Test func noMapFollowsTheGreatestNumber() throws {
        let greatest = UInt64(Int64.max)
        for modified in [0, 5, .max] as [UInt64] {
            let number = MapEpoch.number(declared: nil, modifiedAtMilliseconds: modified, current: greatest, now: .max)
            #expect(number == greatest)
        }
        var follower = ShardMapFollower()
        func observe(_ text: String) -> ShardMapFollower.Event {
            follower.observe(content: .success(Array(text.utf8)), modifiedAtMilliseconds: 1000, now: 5000)
        }
        guard case .changed(_, greatest) = observe(ShardMapFollowerTests.text("n1", epoch: greatest)),
            case .refused(let error) = observe(ShardMapFollowerTests.text("n2"))
        else { Issue.record("taken"); return }
        #expect(error.description == "epoch: \(greatest) is not above \(greatest), the epoch of the map in force")
    }
}

@Suite struct ShardMapFollowerTests {
    static func text(_ member: String, epoch: UInt64? = nil, numShards: Int = 1) -> String {
        let head = epoch.map { "\"epoch\":\($0)," } ?? ""
        return """
            {\(head)"numShards":\(numShards),"nodes":{"n1":{"address":"h","port":1},"n2":{"address":"h","port":2}},
            "shards":{"1":["\(member)"]}}
            """
    }

    private var follower = ShardMapFollower()

    private mutating func observe(_ text: String, modified: UInt64 = 1000, now: UInt64 = 5000) -> ShardMapFollower.Event
    {
        follower.observe(content: .success(Array(text.utf8)), modifiedAtMilliseconds: modified, now: now)
    }

    private func changed(_ text: String, epoch: UInt64) throws -> ShardMapFollower.Event {
        .changed(try map(text), epoch: epoch)
    }

    @Test mutating func aMapWithoutEpochIsNumberedByItsFile() throws {
        #expect(try observe(Self.text("n1")) == changed(Self.text("n1"), epoch: 1000))
        // Touched, or written anew with other spaces: nothing changed.
        #expect(observe(Self.text("n1"), modified: 2000) == .unchanged)
        #expect(observe(Self.text("n1") + "\n", modified: 3000) == .unchanged)
        #expect(follower.epoch == 1000)
        #expect(try observe(Self.text("n2"), modified: 4000) == changed(Self.text("n2"), epoch: 4000))
        // A copy with an old time, as `cp -p` makes it, and a time far ahead.
        #expect(try observe(Self.text("n1"), modified: 10) == changed(Self.text("n1"), epoch: 4001))
        #expect(try observe(Self.text("n2"), modified: .max) == changed(Self.text("n2"), epoch: 65_000))
    }

    @Test mutating func anEpochOfItsOwnMustRise() throws {
        #expect(try observe(Self.text("n1", epoch: 7)) == changed(Self.text("n1", epoch: 7), epoch: 7))
        guard case .refused(let error) = observe(Self.text("n2", epoch: 7)) else { Issue.record("taken"); return }
        #expect(error.description == "epoch: 7 is not above 7, the epoch of the map in force")
        #expect(try observe(Self.text("n2", epoch: 8)) == changed(Self.text("n2", epoch: 8), epoch: 8))
        #expect(try observe(Self.text("n2", epoch: 9)) == changed(Self.text("n2", epoch: 9), epoch: 9))
        guard case .refused = observe(Self.text("n2", epoch: 8)) else { Issue.record("went backward"); return }
        #expect(follower.epoch == 9)
        // Without a number the file's time takes over; from then on a small number is below it.
        #expect(try observe(Self.text("n1"), modified: 1000) == changed(Self.text("n1"), epoch: 1000))
        guard case .refused(let late) = observe(Self.text("n2", epoch: 10)) else { Issue.record("taken"); return }
        #expect(late.description == "epoch: 10 is not above 1000, the epoch of the map in force")
    }

    @Test mutating func leavingOutTheEpochKeepsTheNumberOfEqualContent() throws {
        _ = observe(Self.text("n1", epoch: 7))
        #expect(observe(Self.text("n1")) == .unchanged)
        #expect(follower.epoch == 7)
    }

    @Test mutating func theLastGoodMapStays() throws {
        let good = Self.text("n1")
        _ = observe(good)
        for bad in ["", "{}", "null", String(good.dropLast(5)), Self.text("n9"), Self.text("n1", numShards: 2)] {
            guard case .refused = observe(bad) else { Issue.record("taken: \(bad)"); return }
            #expect(observe(bad) == .unchanged, "reported once")
            #expect(try follower.map == map(good))
        }
        #expect(observe(good) == .restored)
        guard case .refused = observe("{}") else { Issue.record("a mistake made again is reported again"); return }
        #expect(try observe(Self.text("n2"), modified: 2000) == changed(Self.text("n2"), epoch: 2000))
    }

    @Test mutating func anUnreadableFileIsReportedOnce() throws {
        let error = ShardMapError(faults: [.init(place: "m.json", message: "gone")])
        func look(_ follower: inout ShardMapFollower) -> ShardMapFollower.Event {
            follower.observe(content: .failure(error), modifiedAtMilliseconds: 0, now: 1)
        }
        #expect(look(&follower) == .refused(error))
        #expect(look(&follower) == .unchanged)
        #expect(follower.map == nil)
        #expect(try observe(Self.text("n1")) == changed(Self.text("n1"), epoch: 1000))
    }

    @Test mutating func aPeersHigherNumberForTheSameMapIsAdopted() throws {
        _ = observe(Self.text("n1"))
        let fingerprint = try map(Self.text("n1")).fingerprint
        let answers = [
            follower.adopt(epoch: 1500, fingerprint: fingerprint + 1),
            follower.adopt(epoch: 900, fingerprint: fingerprint),
            follower.adopt(epoch: 1500, fingerprint: fingerprint),
        ]
        #expect(answers == [false, false, true])
        #expect(follower.epoch == 1500)
        #expect(try observe(Self.text("n2"), modified: 1200) == changed(Self.text("n2"), epoch: 1501))
        _ = observe(Self.text("n1", epoch: 2000))
        let adopted = follower.adopt(epoch: 3000, fingerprint: fingerprint)
        #expect(!adopted, "the map has a number of its own")
    }

    /// A refused file is over when the good content is back, though nothing has changed since.
    @Test mutating func theSameContentAfterARefusalIsRestored() {
        _ = observe(Self.text("n1"))
        guard case .refused = observe("{") else {
            Issue.record("a syntax error is refused")
            return
        }
        #expect(observe("{") == .unchanged)
        #expect(observe(Self.text("n1")) == .restored)
        #expect(observe(Self.text("n1")) == .unchanged)
    }

    /// Any sequence of files: the number never falls, rises with every change, and the map in force is always one that
    /// was shown.
    @Test mutating func theNumberNeverGoesBackward() throws {
        var random = SeededRandom(seed: 3)
        for _ in 0..<2000 {
            let before = follower
            let epoch = Bool.random(using: &random) ? nil : UInt64.random(in: 0...20_000, using: &random)
            let text = Self.text(Bool.random(using: &random) ? "n1" : "n2", epoch: epoch)
            switch observe(
                text,
                modified: .random(in: 0...20_000, using: &random),
                now: .random(in: 0...20_000, using: &random)
            ) {
            case .changed(let next, let number):
                #expect(before.map == nil || number > before.epoch)
                #expect(try follower.epoch == number && next == map(text))
            case .unchanged, .restored, .refused:
                #expect(follower.epoch == before.epoch)
                #expect(before.map.map { follower.map?.hasSameContent(as: $0) == true } ?? false)
            }
        }
    }
}
