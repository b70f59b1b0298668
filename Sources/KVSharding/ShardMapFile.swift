/// Follows a shard map file by its path. It is polled, not watched, so it does not matter how the file changes: written in
/// place, renamed over, or reached through a symbolic link that is swapped.
package struct ShardMapFile: Sendable {
    /// How often its owner should call `poll`.
    package static let pollIntervalMilliseconds: UInt64 = 200
    /// The content is read this often even if the file looks untouched: two writes within one tick of the file system's
    /// clock can look alike.
    package static let rereadIntervalMilliseconds: UInt64 = 1000

    package let path: String
    package var follower = ShardMapFollower()

    private var seen: FileSnapshot.Identity?
    private var readAt: UInt64 = 0

    package init(path: String) {
        self.path = path
    }

    /// One look at the file; one `stat` as long as it stays untouched. The first call answers `changed` or `refused`.
    ///
    /// - Parameter now: milliseconds since 1970.
    package mutating func poll(now: UInt64) -> ShardMapFollower.Event {
        if let seen, now >= readAt, now - readAt < Self.rereadIntervalMilliseconds,
            FileSnapshot.Identity(path: path) == seen
        {
            return .unchanged
        }
        readAt = now
        do throws(ShardMapError) {
            let snapshot = try FileSnapshot(path: path)
            seen = snapshot.identity
            return follower.observe(
                content: .success(snapshot.content),
                modifiedAtMilliseconds: snapshot.identity.modifiedAtMilliseconds,
                now: now
            )
        } catch {
            seen = nil
            return follower.observe(content: .failure(error), modifiedAtMilliseconds: 0, now: now)
        }
    }
}
