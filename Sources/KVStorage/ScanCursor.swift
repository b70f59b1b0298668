/// A place in a store: everything before it was visited. Splits and deletions do not move it, because it names a hash and
/// not a slot. It can be sent to another process and back.
package struct ScanCursor: Hashable, Sendable {
    package var stripe: UInt32
    /// The least hash, within the stripe, that was not visited.
    package var position: UInt64

    package static let start = ScanCursor(stripe: 0, position: 0)

    package init(stripe: UInt32, position: UInt64) {
        self.stripe = stripe
        self.position = position
    }

    /// Moves past `hash`, to the next stripe after the last one.
    mutating func advance(past hash: UInt64) {
        let (next, overflow) = hash.addingReportingOverflow(1)
        position = next
        if overflow { stripe += 1 }
    }
}
