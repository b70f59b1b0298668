package import KVSharding
package import KVWire

/// Which nodes a client takes for a shard's owners: those of the view that servers told, and until one did, those of its map.
///
/// Driven without I/O: `route(ofKey:)` before an attempt, `learn` with each error that carries a view and with each answer of
/// ExchangeView, `doubt` when a member cannot be reached, `follow` with each map. After any of the last three the next
/// `route` may be another one, which a call that is under way is told (`WritePlan.rerouted`).
package struct Routing: Sendable {
    /// What a view that was told is to this client.
    package enum Lesson: Hashable, Sendable {
        /// No view, or none that matters.
        case nothing
        /// The shard's route has changed.
        case news
        /// What was known.
        case known
        /// This client knows a newer one, which the server is to be told.
        case outdated
    }

    /// Nil = none yet.
    package private(set) var map: ShardMap?
    /// The map's epoch; 0 = unknown.
    package private(set) var epoch: UInt64
    private var views: [Int: KnownView] = [:]
    /// By shard, from 0; nil = to be made.
    private var routes: [Route?]
    private let nodes: NodeTable

    package init(_ map: ShardMap?, epoch: UInt64, nodes: NodeTable = NodeTable()) {
        self.nodes = nodes
        self.map = map
        self.epoch = epoch
        routes = Array(repeating: nil, count: map?.numShards ?? 0)
    }

    /// Nil = there is no map yet.
    package mutating func route(ofKey key: [UInt8]) -> Route? {
        guard let map else { return nil }
        let shard = map.shard(ofKey: key)
        if let route = routes[shard - 1] { return route }
        return makeRoute(shard, map)
    }

    private mutating func makeRoute(_ shard: Int, _ map: ShardMap) -> Route {
        let known = views[shard]
        let route = Route(
            shard: shard,
            members: known?.names ?? map.members(of: shard),
            view: known?.identifier ?? ViewIdentifier.unknown,
            nodes: nodes
        )
        routes[shard - 1] = route
        return route
    }

    /// What this client knows of a shard's view, to tell a server.
    package func view(of shard: Int) -> View? { views[shard]?.view }

    /// Every node that views name, with its address.
    package var viewMembers: [View.Member] { views.values.flatMap(\.view.members) }

    /// What servers said stays in force: they go on by their views until they have brought about what the map wants.
    package mutating func follow(_ map: ShardMap, epoch: UInt64) {
        self.map = map
        self.epoch = epoch
        views = views.filter { map.shards.contains($0.key) }
        routes = Array(repeating: nil, count: map.numShards)
    }

    /// Takes over what a server says about the owners, in an error or in answer to an ExchangeView. One of epoch 0 says only what
    /// the server's map wants.
    package mutating func learn(_ view: View) -> Lesson {
        guard view.epoch > 0, !view.members.isEmpty, map?.shards.contains(view.shard) == true else { return .nothing }
        guard var known = views[view.shard] else { return put(KnownView(view), view.shard) }
        if known.isOlder(than: view) { return put(KnownView(view), view.shard) }
        if known.isNewer(than: view) { return .outdated }
        let before = known.identifier
        known.merge(view)
        if known.identifier != before { return put(known, view.shard) }
        return known.identifier == KnownView.identifier(of: view) ? .known : .outdated
    }

    private mutating func put(_ known: KnownView, _ shard: Int) -> Lesson {
        views[shard] = known
        routes[shard - 1] = nil
        return .news
    }

    /// A member of a view cannot be reached. If none can, or if the map names other owners at a higher epoch, the view's owners
    /// may be gone for good: the map's are asked next, who tell what is in force.
    package mutating func doubt(_ view: UInt64, of shard: Int, isUnreachable: (String) -> Bool) {
        guard let known = views[shard], known.identifier == view, !isOfMap(known, shard),
            known.epoch < epoch || known.names.allSatisfy(isUnreachable)
        else { return }
        views[shard] = nil
        routes[shard - 1] = nil
    }

    private func isOfMap(_ known: KnownView, _ shard: Int) -> Bool {
        map.map { Set($0.members(of: shard)) == Set(known.names) } ?? false
    }
}
