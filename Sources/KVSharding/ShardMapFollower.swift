/// Decides what each look at a shard map file means. Pure: `ShardMapFile` does the looking, its owner keeps the time.
///
/// The last good map stays in force until a good one follows it. A refusal is our operator's mistake, or a file
/// caught half-written: reported once, and over as soon as the file is good.
package struct ShardMapFollower: Sendable {
    package enum Event: Sendable, Equatable {
        case unchanged
        case changed(ShardMap, epoch: UInt64)
        /// After a refusal, the file says again what is in force.
        case restored
        case refused(ShardMapError)
    }

    /// The map in force, nil before the first good one.
    package private(set) var map: ShardMap?
    /// The number of the map in force; it never goes backward. 0 before the first.
    package private(set) var epoch: UInt64 = 0

    /// What the last look found, so that equal content costs a comparison and is judged, and refused, once.
    private var seen: Result<[UInt8], ShardMapError>?
    /// The last look that was judged found a file to refuse.
    private var hasRefused = false

    package init() {}

    /// - Parameters:
    ///   - content: the file's bytes, or why they could not be read.
    ///   - modifiedAtMilliseconds: the file's modification time, milliseconds since 1970.
    ///   - now: milliseconds since 1970.
    package mutating func observe(
        content: Result<[UInt8], ShardMapError>,
        modifiedAtMilliseconds: UInt64,
        now: UInt64
    ) -> Event {
        if content == seen { return .unchanged }
        seen = content
        do throws(ShardMapError) {
            let next = try ShardMap(json: content.get())
            let event = try follow(next, modifiedAtMilliseconds: modifiedAtMilliseconds, now: now)
            defer { hasRefused = false }
            return event == .unchanged && hasRefused ? .restored : event
        } catch {
            hasRefused = true
            return .refused(error)
        }
    }

    private mutating func follow(
        _ next: ShardMap,
        modifiedAtMilliseconds: UInt64,
        now: UInt64
    ) throws(ShardMapError) -> Event {
        let isSame = map.map { next.hasSameContent(as: $0) } ?? false
        if isSame && (next.epoch ?? epoch) == epoch {
            map = next
            return .unchanged
        }
        let number = MapEpoch.number(
            declared: next.epoch,
            modifiedAtMilliseconds: modifiedAtMilliseconds,
            current: map == nil ? nil : epoch,
            now: now
        )
        if let map {
            var faults = ShardMap.checkSuccession(of: map, by: next)
            // The number in force may be above the map's own: taken from a file's time, or adopted from a peer.
            if number <= epoch && !faults.contains(where: { $0.place == "epoch" }) {
                faults.append(ShardMap.epochFault(number, inForce: epoch))
            }
            if !faults.isEmpty { throw ShardMapError(faults: faults) }
        }
        map = next
        epoch = number
        return .changed(next, epoch: number)
    }

    /// Takes over the number that a peer gives to the map in force, so that processes that saw its file at different
    /// times agree. Only a higher one, and only for a map without an epoch of its own.
    ///
    /// - Returns: whether `epoch` rose.
    package mutating func adopt(epoch announced: UInt64, fingerprint: UInt64) -> Bool {
        guard let map, map.epoch == nil, announced > epoch, fingerprint == map.fingerprint else { return false }
        epoch = announced
        return true
    }
}
