internal import KVClient
internal import KVCore
internal import KVHistory
internal import KVSharding
internal import KVTransport
internal import KVWire
internal import NIOCore
internal import ShardKV

/// One client with callers of its own, put together as the library does it, but for its clock and its map, which it is told.
/// Each caller makes one call after the other and records it.
final class LoadClient: Sendable {
    private static let timeoutMilliseconds: UInt64 = 1000

    let name: String
    private let writeLevel: Level
    private let readLevel: Level
    private let contents: Contents
    private let recorder: Recorder
    private let connections: NodeConnections
    private let cluster: ClusterClient<RecordingSender, SystemTime>

    init(_ client: Scenario.Client, contents: Contents, map: ShardMap, recorder: Recorder, on group: any EventLoopGroup)
    {
        name = client.name
        writeLevel = client.writeLevel
        readLevel = client.readLevel
        self.contents = contents
        self.recorder = recorder
        let time = SystemTime(wallOffsetMilliseconds: client.clockOffsetMilliseconds)
        let clock = VersionClock(
            writer: .random(in: 1 ... .max),
            wallMilliseconds: time.wallMilliseconds,
            now: time.monotonicMilliseconds
        )
        var options = ConnectionOptions()
        options.onHello = { node, hello in
            clock.observe(hello.serverTimeMilliseconds, of: node, now: time.monotonicMilliseconds)
        }
        connections = NodeConnections(endpoints: map.endpoints, eventLoopGroup: group, options: options)
        cluster = ClusterClient(
            map: map,
            epoch: map.epoch ?? 0,
            sender: RecordingSender(connections: connections),
            time: time,
            clock: clock,
            balancer: RandomBalancer(),
            attemptMilliseconds: 250
        )
    }

    func follow(_ map: ShardMap) { cluster.follow(map, epoch: map.epoch ?? 0) }

    func close() async { await connections.close() }

    /// Calls until the task is cancelled; a call that is under way is ended.
    /// - Parameter pause: the longest between two calls, in milliseconds.
    func call(caller: Int, seed: UInt64, pause: Int) async {
        var random = SeededRandom.stream(UInt64(caller), of: seed)
        var number = 0
        while !Task.isCancelled {
            let key = Array("key\(contents.key(&random))".utf8)
            number += 1
            let value = contents.value("\(name).\(caller).\(number)", &random)
            let step = recorder.progress.begin("call \(number) of \(name).\(caller)")
            switch random.number(1...100) {
            case 1...30: await write(key, value, ttlMilliseconds: 0)
            case 31...42: await write(key, value, ttlMilliseconds: random.number(50...4000))
            case 43...52: await write(key, nil, ttlMilliseconds: 0)
            default: await read(key)
            }
            recorder.progress.end(step)
            try? await Task.sleep(for: .milliseconds(random.number(0...pause)))
        }
    }

    private func write(_ key: [UInt8], _ value: [UInt8]?, ttlMilliseconds: Int) async {
        let log = StampLog(key: key, value: value)
        let begin = recorder.now
        var outcome = Write.Outcome.acknowledged
        do throws(CallFailure) {
            let result = await StampLog.$current.withValue(log) { () async -> Result<Void, CallFailure> in
                do throws(CallFailure) {
                    if let value {
                        try await cluster.set(
                            key,
                            value,
                            ttlMilliseconds: Int64(ttlMilliseconds),
                            on: .replicas(writeLevel.ofClient),
                            timeoutMilliseconds: Self.timeoutMilliseconds
                        )
                    } else {
                        try await cluster.delete(
                            key,
                            on: .replicas(writeLevel.ofClient),
                            timeoutMilliseconds: Self.timeoutMilliseconds
                        )
                    }
                    return .success(())
                } catch { return .failure(error) }
            }
            try result.get()
        } catch {
            outcome = error.isIndeterminate ? .indeterminate : .failed
        }
        recorder.add(
            Write(
                client: name,
                key: key,
                value: value,
                ttlMilliseconds: UInt64(ttlMilliseconds),
                level: writeLevel,
                span: Span(begin, outcome == .indeterminate ? Span.never : recorder.now),
                outcome: outcome,
                stamps: log.stamps
            )
        )
    }

    private func read(_ key: [UInt8]) async {
        let begin = recorder.now
        do throws(CallFailure) {
            let request = GetRequest(key: key, withMetadata: true)
            let answer =
                readLevel == .one
                ? try await cluster.get(request, timeoutMilliseconds: Self.timeoutMilliseconds)
                : try await cluster.quorumGet(request, timeoutMilliseconds: Self.timeoutMilliseconds)
            recorder.add(
                Read(
                    client: name,
                    key: key,
                    level: readLevel,
                    span: Span(begin, recorder.now),
                    record: Record(answer)
                )
            )
        } catch {
            recorder.count(Recorder.failedReads)
        }
    }
}

extension Level {
    fileprivate var ofClient: ConsistencyLevel {
        switch self {
        case .one: .one
        case .quorum: .quorum
        case .all: .all
        }
    }
}
