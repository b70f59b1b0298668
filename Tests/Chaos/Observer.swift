internal import KVCore
internal import KVHistory
internal import KVSharding
internal import KVTransport
internal import KVWire
internal import NIOCore
internal import Synchronization

/// Asks the nodes directly, past all links: what they serve, and what they hold.
final class Observer: Sendable {
    private static let statusTimeoutMilliseconds: UInt32 = 500
    private static let contentsTimeoutMilliseconds: UInt32 = 5000

    private let nodes: [String]
    private let series: MapSeries
    private let recorder: Recorder
    private let connections: NodeConnections
    private let ports = Mutex<[String: Int]>([:])

    init(nodes: [String], series: MapSeries, recorder: Recorder, on group: any EventLoopGroup) {
        self.nodes = nodes
        self.series = series
        self.recorder = recorder
        connections = NodeConnections(endpoints: [:], eventLoopGroup: group)
    }

    func found(_ node: String, at port: Int) {
        // Under the lock, so that of two nodes' news the later one has both.
        ports.withLock { ports in
            ports[node] = port
            connections.update(endpoints: ports.mapValues { NodeEndpoint(host: "127.0.0.1", port: $0) })
        }
    }

    func close() async { await connections.close() }

    /// Records what the nodes serve, until the task is cancelled.
    func watch() async {
        while !Task.isCancelled {
            _ = await statuses()
            try? await Task.sleep(for: .milliseconds(100))
        }
    }

    /// What keeps the cluster from being ready: a node that does not answer, or does not serve what its map gives it, with the
    /// owners that it names. Empty = ready.
    /// - Parameter epoch: the map that all have to follow; nil = each its own.
    func obstacles(at epoch: UInt64?) async -> [String] {
        let statuses = await statuses()
        return incomplete(statuses)
            + nodes.flatMap { node -> [String] in
                guard let answer = statuses[node] else { return [] }
                let status: GetStatusResponse
                do throws(RPCError) { status = try answer.get() } catch { return ["\(node) does not answer: \(error)"] }
                if let epoch, status.mapEpoch != epoch {
                    return ["\(node) follows map \(status.mapEpoch), not \(epoch)"]
                }
                guard (1...UInt64(series.maps.count)).contains(status.mapEpoch) else { return ["\(node) has no map"] }
                let owners = series.maps[Int(status.mapEpoch) - 1]
                let owned = owners.indices.filter { owners[$0].contains(node) }.map { $0 + 1 }
                let serving = status.shards.filter { shard in
                    shard.state == .serving && Set(shard.members.map(\.node)) == Set(owners[shard.shard - 1])
                }.map(\.shard)
                let missing = Set(owned).subtracting(serving).sorted()
                return missing.isEmpty
                    ? [] : ["\(node) does not serve shard \(missing.map(String.init).joined(separator: ", "))"]
            }
    }

    /// Members that do not serve by the newest view of a shard: one that started anew with an old map has to return to it first.
    private func incomplete(_ statuses: [String: Result<GetStatusResponse, RPCError>]) -> [String] {
        let all = statuses.compactMapValues { try? $0.get().shards.filter { $0.state == .serving } }
        let newest = Dictionary(grouping: all.values.joined(), by: \.shard).compactMapValues {
            $0.max { $0.epoch < $1.epoch }
        }
        return newest.sorted { $0.key < $1.key }.flatMap { shard, view in
            view.members.map(\.node).filter { name in
                all[name]?.contains { $0.shard == shard && $0.epoch == view.epoch } != true
            }.map { "\($0) does not serve shard \(shard) at epoch \(view.epoch)" }
        }
    }

    /// How many shards began to serve without every old owner's copy.
    func waivedCopies() async -> UInt64 {
        await statuses().values.reduce(0) { $0 + ((try? $1.get().waivedCopies) ?? 0) }
    }

    private func statuses() async -> [String: Result<GetStatusResponse, RPCError>] {
        await withTaskGroup { group in
            for node in nodes {
                group.addTask { [self] () -> (String, Result<GetStatusResponse, RPCError>) in
                    (node, await status(of: node))
                }
            }
            return await group.reduce(into: [:]) { $0[$1.0] = $1.1 }
        }
    }

    private func status(of node: String) async -> Result<GetStatusResponse, RPCError> {
        let begin = recorder.now
        do throws(RPCError) {
            let status = try await connections.send(
                GetStatusRequest(),
                to: node,
                timeoutMilliseconds: Self.statusTimeoutMilliseconds
            )
            recorder.add(servings(status, Span(begin, recorder.now)))
            return .success(status)
        } catch { return .failure(error) }
    }

    private func servings(_ status: GetStatusResponse, _ span: Span) -> [Serving] {
        status.shards.filter { $0.state == .serving }.map { shard in
            Serving(
                node: status.node,
                shard: shard.shard,
                epoch: shard.epoch,
                members: shard.members.map(\.node),
                span: span
            )
        }
    }

    /// What every owner has of every key that was written, by the last map.
    func copies() async throws(ChaosError) -> [Copy] {
        let epoch = UInt64(series.maps.count)
        let keys = Dictionary(grouping: recorder.snapshot.writtenKeys) { key in
            key.withUnsafeBytes { Int(RoutingHash.fnv1($0) % UInt32(series.maps[0].count)) + 1 }
        }
        var copies: [Copy] = []
        for (shard, keys) in keys.sorted(by: { $0.key < $1.key }) {
            for node in series.owners(of: shard, at: epoch) {
                let begin = recorder.now
                let records = try await records(of: shard, on: node)
                let span = Span(begin, recorder.now)
                copies += keys.map { Copy(node: node, key: $0, span: span, record: records[$0] ?? .none) }
            }
        }
        return copies
    }

    private func records(of shard: Int, on node: String) async throws(ChaosError) -> [[UInt8]: Record] {
        var records: [[UInt8]: Record] = [:]
        var request = GetShardContentsRequest(shard: shard, maxPageBytes: 1 << 20, withMarkers: true)
        repeat {
            let page = try await page(request, of: node)
            for value in page.values {
                records[value.key] = Record(
                    version: value.version,
                    kind: value.kind,
                    value: value.kind == .live ? value.value : [],
                    expiresAt: value.kind == .live ? value.expiresAt : 0
                )
            }
            request.pageToken = page.nextPageToken
        } while !request.pageToken.isEmpty
        return records
    }

    private func page(
        _ request: GetShardContentsRequest,
        of node: String
    ) async throws(ChaosError) -> GetShardContentsResponse {
        do throws(RPCError) {
            return try await connections.send(
                request,
                to: node,
                timeoutMilliseconds: Self.contentsTimeoutMilliseconds
            )
        } catch { throw ChaosError("\(node) does not tell what it has of shard \(request.shard): \(error)") }
    }
}
