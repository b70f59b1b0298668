/// The owners of a shard at one epoch. Configurations of a shard are totally ordered: by epoch, then by the members, so that two
/// maps that were given one number still agree on which is the newer.
package struct Configuration: Sendable, Hashable, Comparable {
    package let epoch: UInt64
    /// The owners' names, ascending.
    package let members: [String]

    /// Below every real one, with no member.
    package static let none = Configuration(epoch: 0, members: [])

    /// - Parameter members: in any order, each once.
    package init(epoch: UInt64, members: [String]) {
        self.epoch = epoch
        self.members = members.sorted()
    }

    /// The least number of members of which any two such sets share one.
    package var quorum: Int { members.count / 2 + 1 }

    /// The least number of members that share one with every quorum of the others and one more: what a member that has lost its
    /// memory needs from others to know all that was acknowledged.
    package var recoveryQuorum: Int { members.count - quorum + 1 }

    package func contains(_ node: String) -> Bool { members.contains(node) }

    package static func < (left: Configuration, right: Configuration) -> Bool {
        left.epoch != right.epoch
            ? left.epoch < right.epoch : left.members.lexicographicallyPrecedes(right.members)
    }
}
