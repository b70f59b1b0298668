/// Finds moments at which majorities of two epochs served one shard.
///
/// A node's epochs only rise within a life, so it served an epoch at least from its first answer that said so to the
/// question of the last one. Times at which it may have served count for nothing.
enum EpochChecker {
    private struct Place: Hashable {
        var shard: Int
        var epoch: UInt64
        var node: String
    }

    private struct Edge {
        var time: UInt64
        var begins: Bool
        var epoch: UInt64
    }

    static func violations(_ servings: [Serving]) -> [Violation] {
        var stretches: [Place: Span] = [:]
        var members: [Int: [UInt64: [String]]] = [:]
        for serving in servings {
            let place = Place(shard: serving.shard, epoch: serving.epoch, node: serving.node)
            let stretch = stretches[place] ?? Span(serving.span.end, serving.span.begin)
            stretches[place] = Span(min(stretch.begin, serving.span.end), max(stretch.end, serving.span.begin))
            members[serving.shard, default: [:]][serving.epoch] = serving.members
        }
        var edges: [Int: [Edge]] = [:]
        for (place, stretch) in stretches where stretch.begin <= stretch.end {
            guard members[place.shard]?[place.epoch]?.contains(place.node) == true else { continue }
            edges[place.shard, default: []].append(Edge(time: stretch.begin, begins: true, epoch: place.epoch))
            edges[place.shard, default: []].append(Edge(time: stretch.end, begins: false, epoch: place.epoch))
        }
        return edges.compactMap { shard, edges in
            clash(edges, sizes: members[shard]!.mapValues(\.count)).map { time, epochs in
                let list = epochs.sorted().map(String.init).joined(separator: " and ")
                return Violation(.twoEpochs, .shard(shard), "shard \(shard) was served at epochs \(list) at \(time)")
            }
        }
    }

    /// The first moment at which two epochs have a majority.
    private static func clash(_ edges: [Edge], sizes: [UInt64: Int]) -> (time: UInt64, epochs: Set<UInt64>)? {
        var counts: [UInt64: Int] = [:]
        var majorities: Set<UInt64> = []
        // A stretch holds its ends: what begins at a moment comes before what ends there.
        for edge in edges.sorted(by: { ($0.time, $0.begins ? 0 : 1) < ($1.time, $1.begins ? 0 : 1) }) {
            counts[edge.epoch, default: 0] += edge.begins ? 1 : -1
            if counts[edge.epoch]! > sizes[edge.epoch]! / 2 {
                majorities.insert(edge.epoch)
                if majorities.count > 1 { return (edge.time, majorities) }
            } else {
                majorities.remove(edge.epoch)
            }
        }
        return nil
    }
}
