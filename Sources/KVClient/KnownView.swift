internal import KVSharding
internal import KVWire

/// A view as servers told it, with what several of them said put together.
struct KnownView: Sendable {
    private(set) var view: View
    /// `ViewIdentifier.hash` of it.
    private(set) var identifier: UInt64

    init(_ view: View) {
        self.view = view
        identifier = Self.identifier(of: view)
    }

    var epoch: UInt64 { view.epoch }
    var names: [String] { view.members.map(\.node) }

    /// Views of a shard are totally ordered: by epoch, then by the members' names, so that two that were given one number
    /// do not replace each other for ever.
    func isOlder(than other: View) -> Bool {
        view.epoch != other.epoch
            ? view.epoch < other.epoch
            : names.sorted().lexicographicallyPrecedes(other.members.map(\.node).sorted())
    }

    func isNewer(than other: View) -> Bool { KnownView(other).isOlder(than: view) }

    /// Takes over the greater incarnation of each member from a view of the same epoch and members.
    mutating func merge(_ other: View) {
        let told = Dictionary(other.members.map { ($0.node, $0) }) { first, _ in first }
        for index in view.members.indices {
            guard let member = told[view.members[index].node],
                member.incarnation >= view.members[index].incarnation
            else { continue }
            view.members[index] = member
        }
        identifier = Self.identifier(of: view)
    }

    static func identifier(of view: View) -> UInt64 {
        ViewIdentifier.hash(
            epoch: view.epoch,
            members: view.members.map { (name: $0.node, incarnation: $0.incarnation) }
        )
    }
}
