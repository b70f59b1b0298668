/// One direction between two processes.
package struct Link: Hashable, Comparable {
    package var from: String
    package var to: String

    package init(_ from: String, _ to: String) {
        self.from = from
        self.to = to
    }

    package static func < (left: Link, right: Link) -> Bool { (left.from, left.to) < (right.from, right.to) }
}

/// What happens to messages between the simulated processes.
package struct Network {
    package struct Conditions: Sendable {
        package var delayMilliseconds: ClosedRange<UInt64>
        package var lossProbability: Double
        package var duplicationProbability: Double

        package init(
            delayMilliseconds: ClosedRange<UInt64> = 1...20,
            lossProbability: Double = 0,
            duplicationProbability: Double = 0
        ) {
            self.delayMilliseconds = delayMilliseconds
            self.lossProbability = lossProbability
            self.duplicationProbability = duplicationProbability
        }
    }

    package var conditions: Conditions
    /// Links that are slow for a while.
    package var slow: [Link: ClosedRange<UInt64>] = [:]
    /// Links that are cut, with what they deliver when they are mended; nil = what was sent meanwhile is lost.
    private var cuts: [Link: [() -> Void]?] = [:]

    package init(_ conditions: Conditions = Conditions()) { self.conditions = conditions }

    func delay(_ link: Link) -> ClosedRange<UInt64> { slow[link] ?? conditions.delayMilliseconds }

    mutating func cut(_ link: Link, holds: Bool) {
        if cuts[link] == nil { cuts[link] = .some(holds ? [] : nil) }
    }

    /// - Returns: what was held up.
    mutating func mend(_ link: Link) -> [() -> Void] { (cuts.removeValue(forKey: link) ?? nil) ?? [] }

    var cutLinks: [Link] { cuts.keys.sorted() }

    /// - Returns: whether the link is cut, so that the message goes nowhere for now.
    mutating func stops(_ message: @escaping () -> Void, on link: Link) -> Bool {
        guard let held = cuts[link] else { return false }
        if var held {
            held.append(message)
            cuts[link] = .some(held)
        }
        return true
    }
}
