internal import KVHistory
internal import KVWire

/// From when to when each node served each shard at an epoch.
struct ServingLog {
    private struct Place: Hashable {
        var node: String
        var shard: Int
    }

    private var open: [Place: Serving] = [:]
    private var closed: [Serving] = []

    func isNews(_ view: View?, _ shard: Int, on node: String) -> Bool {
        open[Place(node: node, shard: shard)]?.epoch != view?.epoch
    }

    /// - Parameters:
    ///   - view: by which the shard is served from now on; nil = it is not.
    ///   - instant: the time; what was served before ends before it.
    mutating func note(_ view: View?, _ shard: Int, on node: String, at instant: () -> UInt64) {
        let place = Place(node: node, shard: shard)
        close(place, at: instant())
        guard let view else { return }
        let instant = instant()
        let serving = Serving(
            node: node,
            shard: shard,
            epoch: view.epoch,
            members: view.members.map(\.node),
            span: Span(instant, instant)
        )
        open[place] = serving
        closed.append(serving)
    }

    mutating func crashed(_ node: String, at instant: UInt64) {
        for place in open.keys where place.node == node { close(place, at: instant) }
    }

    func all(at instant: UInt64) -> [Serving] {
        var copy = self
        for place in open.keys { copy.close(place, at: instant) }
        return copy.closed
    }

    private mutating func close(_ place: Place, at instant: UInt64) {
        guard var serving = open.removeValue(forKey: place) else { return }
        serving.span = Span(instant, instant)
        closed.append(serving)
    }
}
