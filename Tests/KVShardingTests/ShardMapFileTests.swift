import Foundation
import KVSharding
import Testing

/// On a real file system, with the time passed in.
@Suite struct ShardMapFileTests {
    private let folder: URL

    init() throws {
        folder = FileManager.default.temporaryDirectory.appending(path: "shardmap-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    }

    private func path(_ name: String) -> String { folder.path + "/" + name }

    private func write(_ text: String, to name: String = "map.json") throws {
        try Data(text.utf8).write(to: URL(filePath: path(name)))
    }

    private func member(_ event: ShardMapFollower.Event) -> String? {
        guard case .changed(let map, _) = event else { return nil }
        return map.members(of: 1).first
    }

    @Test func everyWayToReplaceAFileIsSeen() throws {
        defer { try? FileManager.default.removeItem(at: folder) }
        try write(ShardMapFollowerTests.text("n1"))
        var file = ShardMapFile(path: folder.path + "//./../\(folder.lastPathComponent)/map.json")
        #expect(member(file.poll(now: 0)) == "n1")
        #expect(file.poll(now: 200) == .unchanged)

        // Written in place, with a size of its own.
        try write(ShardMapFollowerTests.text("n2") + " ")
        #expect(member(file.poll(now: 400)) == "n2")

        // Renamed over.
        try write(ShardMapFollowerTests.text("n1"), to: "next.json")
        #expect(rename(path("next.json"), path("map.json")) == 0)
        #expect(member(file.poll(now: 600)) == "n1")

        // Gone, and back.
        try FileManager.default.removeItem(atPath: path("map.json"))
        guard case .refused(let error) = file.poll(now: 800) else { Issue.record("not refused"); return }
        #expect(error.description.hasSuffix("cannot be read: No such file or directory"))
        #expect(file.poll(now: 1000) == .unchanged)
        try write(ShardMapFollowerTests.text("n2"))
        #expect(member(file.poll(now: 1200)) == "n2")
    }

    /// As Kubernetes publishes a ConfigMap: the file is a link into a linked folder, and the folder's link is swapped.
    @Test func aSwappedLinkIsFollowed() throws {
        defer { try? FileManager.default.removeItem(at: folder) }
        let files = FileManager.default
        for (name, member) in [("v1", "n1"), ("v2", "n2")] {
            try files.createDirectory(atPath: path(name), withIntermediateDirectories: true)
            try write(ShardMapFollowerTests.text(member), to: name + "/map.json")
            // Equal times and sizes: only the link tells the two apart.
            let time = Date(timeIntervalSince1970: 1000)
            try files.setAttributes([.modificationDate: time], ofItemAtPath: path(name + "/map.json"))
        }
        try files.createSymbolicLink(atPath: path("data"), withDestinationPath: "v1")
        try files.createSymbolicLink(atPath: path("map.json"), withDestinationPath: "data/map.json")
        var file = ShardMapFile(path: path("map.json"))
        #expect(member(file.poll(now: 0)) == "n1")
        try files.createSymbolicLink(atPath: path("data.next"), withDestinationPath: "v2")
        #expect(rename(path("data.next"), path("data")) == 0)
        #expect(member(file.poll(now: 200)) == "n2")
    }

    /// Same size, same times: only reading tells. The regular look after a second finds it.
    @Test func aRewriteThatLooksAlikeIsFoundWithinASecond() throws {
        defer { try? FileManager.default.removeItem(at: folder) }
        try write(ShardMapFollowerTests.text("n1"))
        let time = Date(timeIntervalSince1970: 1_000_000)
        try FileManager.default.setAttributes([.modificationDate: time], ofItemAtPath: path("map.json"))
        var file = ShardMapFile(path: path("map.json"))
        #expect(
            file.poll(now: 2_000_000_000) == .changed(try map(ShardMapFollowerTests.text("n1")), epoch: 1_000_000_000)
        )
        try write(ShardMapFollowerTests.text("n2"))
        try FileManager.default.setAttributes([.modificationDate: time], ofItemAtPath: path("map.json"))
        #expect(file.poll(now: 2_000_000_999) == .unchanged)
        #expect(
            file.poll(now: 2_000_001_000) == .changed(try map(ShardMapFollowerTests.text("n2")), epoch: 1_000_000_001)
        )
        // A clock set back does not put the next look off.
        try write(ShardMapFollowerTests.text("n1"))
        try FileManager.default.setAttributes([.modificationDate: time], ofItemAtPath: path("map.json"))
        #expect(member(file.poll(now: 5)) == "n1")
    }

    @Test func aHalfWrittenFileIsTakenWhenItIsComplete() throws {
        defer { try? FileManager.default.removeItem(at: folder) }
        try write(ShardMapFollowerTests.text("n1"))
        var file = ShardMapFile(path: path("map.json"))
        _ = file.poll(now: 0)
        for part in ["", String(ShardMapFollowerTests.text("n2").dropLast(9))] {
            try write(part)
            guard case .refused = file.poll(now: 200) else { Issue.record("taken"); return }
        }
        #expect(file.follower.map?.members(of: 1) == ["n1"])
        try write(ShardMapFollowerTests.text("n2"))
        #expect(member(file.poll(now: 200)) == "n2")
    }

    @Test func whatIsNoFileIsRefusedWithoutWaiting() throws {
        defer { try? FileManager.default.removeItem(at: folder) }
        #expect(mkfifo(path("pipe"), 0o600) == 0)
        for name in ["pipe", "", "missing/map.json"] {
            var file = ShardMapFile(path: path(name))
            guard case .refused = file.poll(now: 0) else { Issue.record("taken: \(name)"); return }
            #expect(file.follower.map == nil)
        }
    }
}
