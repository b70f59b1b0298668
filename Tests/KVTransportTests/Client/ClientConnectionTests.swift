import KVCore
import KVTransport
import KVWire
import NIOCore
import NIOPosix
import Synchronization
import Testing

/// Connections over real TCP, against a server that each test scripts.
@Suite(.timeLimit(.minutes(1))) struct ClientConnectionTests {
    /// Answers each Get with its own key.
    private static let echo: ScriptedServer.Script = { header, payload, peer in
        guard header.type == FrameType.request.rawValue else { return }
        let request = try! GetRequest(decoding: payload)
        peer.answer(header, GetResponse(value: request.key, wasFound: true))
    }

    private func connect(
        _ server: ScriptedServer,
        _ configure: (inout ConnectionOptions) -> Void = { _ in }
    ) -> NodeConnections {
        var options = ConnectionOptions()
        configure(&options)
        return NodeConnections(
            endpoints: ["n1": NodeEndpoint(host: "127.0.0.1", port: server.port)],
            eventLoopGroup: MultiThreadedEventLoopGroup.singleton,
            options: options
        )
    }

    private func get(
        _ connections: NodeConnections,
        _ key: String = "k",
        timeoutMilliseconds: UInt32 = 30_000
    ) async throws(RPCError) -> String {
        let request = GetRequest(key: Array(key.utf8))
        let response = try await connections.send(request, to: "n1", timeoutMilliseconds: timeoutMilliseconds)
        return String(decoding: response.value, as: UTF8.self)
    }

    private func error(_ body: () async throws -> String) async -> RPCError? {
        do {
            let value = try await body()
            Issue.record("no error, but \(value)")
            return nil
        } catch {
            #expect(error is RPCError)
            return error as? RPCError
        }
    }

    @Test func manyCallersShareOneConnectionAndGetTheirOwnAnswers() async throws {
        let numbers = Mutex<Set<Int>>([])
        let server = try await ScriptedServer.start { header, payload, peer in
            numbers.withLock { _ = $0.insert(peer.number) }
            Self.echo(header, payload, peer)
        }
        let connections = connect(server)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for caller in 0..<100 {
                group.addTask {
                    for call in 0..<50 {
                        let key = "\(caller)-\(call)"
                        let value = try await get(connections, key)
                        #expect(value == key)
                    }
                }
            }
            try await group.waitForAll()
        }
        #expect(numbers.withLock { $0 } == [1])
        await connections.close()
        try await server.stop()
    }

    @Test func answersMayComeInAnyOrder() async throws {
        let waiting = Mutex<[(FrameHeader, [UInt8], ScriptedServer.Peer)]>([])
        let server = try await ScriptedServer.start { header, payload, peer in
            let all = waiting.withLock { waiting in
                waiting.append((header, payload, peer))
                return waiting.count == 20 ? waiting : []
            }
            for (header, payload, peer) in all.reversed() { Self.echo(header, payload, peer) }
        }
        let connections = connect(server)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for caller in 0..<20 {
                group.addTask {
                    let value = try await get(connections, "\(caller)")
                    #expect(value == "\(caller)")
                }
            }
            try await group.waitForAll()
        }
        await connections.close()
        try await server.stop()
    }

    @Test func framesMayComeInPieces() async throws {
        let server = try await ScriptedServer.start { header, payload, peer in
            let request = try! GetRequest(decoding: payload)
            let answer = GetResponse(value: request.key, wasFound: true).encoded()
            for byte in frame(.response, id: header.requestID, payload: answer) { peer.send([byte]) }
        }
        let connections = connect(server)
        for key in ["a", "bc", "def"] { #expect(try await get(connections, key) == key) }
        await connections.close()
        try await server.stop()
    }

    @Test func aLateAnswerIsNobodyElses() async throws {
        let late = Mutex<(FrameHeader, [UInt8])?>(nil)
        let server = try await ScriptedServer.start { header, payload, peer in
            let first = late.withLock { late -> (FrameHeader, [UInt8])? in
                defer { if late == nil { late = (header, payload) } }
                return late
            }
            guard let first else { return }
            Self.echo(first.0, first.1, peer)
            Self.echo(header, payload, peer)
        }
        let connections = connect(server)
        try await connections.connect(to: "n1", timeoutMilliseconds: 30_000)
        let failure = await error { try await get(connections, "late", timeoutMilliseconds: 20) }
        #expect(failure?.code == .deadlineExceeded)
        #expect(failure?.reason == .indeterminate, "it had left")
        #expect(try await get(connections, "next") == "next")
        await connections.close()
        try await server.stop()
    }

    @Test func withoutHelloNothingLeaves() async throws {
        let server = try await ScriptedServer.start(hello: nil) { _, _, _ in Issue.record("a request came") }
        let connections = connect(server)
        let failure = await error { try await get(connections, timeoutMilliseconds: 50) }
        #expect(failure?.code == .deadlineExceeded)
        #expect(failure?.reason == Reason.none, "it had not left")
        await connections.close()
        try await server.stop()
    }

    @Test func helloThatNeverComesEndsTheConnection() async throws {
        let server = try await ScriptedServer.start(hello: nil) { _, _, _ in }
        let connections = connect(server) { $0.connectTimeoutMilliseconds = 30 }
        let failure = await error { try await get(connections) }
        #expect(failure?.code == .unavailable)
        #expect(failure?.reason == Reason.none)
        await connections.close()
        try await server.stop()
    }

    @Test func aCutConnectionFailsItsCallsAndTheNextCallReconnects() async throws {
        let server = try await ScriptedServer.start { header, payload, peer in
            if peer.number == 1 { peer.cut() } else { Self.echo(header, payload, peer) }
        }
        let connections = connect(server)
        let failure = await error { try await get(connections) }
        #expect(failure?.code == .unavailable)
        #expect(failure?.reason == .indeterminate)
        #expect(try await get(connections) == "k")
        await connections.close()
        try await server.stop()
    }

    @Test func afterGoAwayPendingCallsFinishAndNewOnesGoElsewhere() async throws {
        let first = Mutex<(FrameHeader, [UInt8], ScriptedServer.Peer)?>(nil)
        let server = try await ScriptedServer.start { header, payload, peer in
            if peer.number == 1 {
                first.withLock { $0 = $0 ?? (header, payload, peer) }
                peer.send(frame(.goAway))
            } else {
                Self.echo(header, payload, peer)
                // The first connection's call is answered only after this one came over another.
                if let (header, payload, peer) = first.withLock({ $0 }) { Self.echo(header, payload, peer) }
            }
        }
        let connections = connect(server)
        async let pending = get(connections, "first")
        while first.withLock({ $0 == nil }) { await Task.yield() }
        // GOAWAY may still be on its way, then this call too may go to the first connection.
        let second = Task { () async throws(RPCError) -> String in
            while true {
                do throws(RPCError) {
                    return try await get(connections, "second", timeoutMilliseconds: 50)
                } catch  where error.code == .deadlineExceeded {}
            }
        }
        #expect(try await second.value == "second")
        #expect(try await pending == "first")
        await connections.close()
        try await server.stop()
    }

    @Test func anOversizedAnswerFailsItsCallAlone() async throws {
        let server = try await ScriptedServer.start { header, payload, peer in
            let request = try! GetRequest(decoding: payload)
            if request.key == Array("big".utf8) {
                peer.answer(header, GetResponse(value: [UInt8](repeating: 1, count: 100_000), wasFound: true))
            } else {
                Self.echo(header, payload, peer)
            }
            #expect(peer.number == 1)
        }
        let connections = connect(server) { $0.maxResponseBytes = 5000 }
        let failure = await error { try await get(connections, "big") }
        #expect(failure?.code == .resourceExhausted)
        #expect(failure?.reason == .tooLarge)
        #expect(try await get(connections, "small") == "small")
        await connections.close()
        try await server.stop()
    }

    @Test func aRequestBeyondTheServersLimitDoesNotLeave() async throws {
        let server = try await ScriptedServer.start(Self.echo)
        let connections = connect(server)
        let request = SetRequest(key: [1], value: [UInt8](repeating: 0, count: 10_000))
        let failure = await #expect(throws: RPCError.self) {
            try await connections.send(request, to: "n1", timeoutMilliseconds: 30_000)
        }
        #expect(failure?.code == .invalidArgument)
        #expect(failure?.message.contains("\(ScriptedServer.defaultHello.maxPayloadBytes)") == true)
        #expect(try await get(connections) == "k")
        await connections.close()
        try await server.stop()
    }

    @Test func cancellationTellsTheServer() async throws {
        let (requests, requested) = AsyncStream.makeStream(of: UInt32.self)
        let (cancels, cancelled) = AsyncStream.makeStream(of: UInt32.self)
        let server = try await ScriptedServer.start { header, _, _ in
            if header.type == FrameType.request.rawValue { requested.yield(header.requestID) }
            if header.type == FrameType.cancel.rawValue { cancelled.yield(header.requestID) }
        }
        let connections = connect(server)
        let call = Task { try await get(connections) }
        let number = await requests.first { _ in true }
        call.cancel()
        let failure = await error { try await call.value }
        #expect(failure?.code == .cancelled)
        #expect(failure?.reason == .indeterminate)
        #expect(await cancels.first { _ in true } == number)
        await connections.close()
        try await server.stop()
    }

    @Test func aCallOfACancelledTaskDoesNotLeave() async throws {
        let server = try await ScriptedServer.start(Self.echo)
        let connections = connect(server)
        try await connections.connect(to: "n1", timeoutMilliseconds: 30_000)
        let call = Task {
            withUnsafeCurrentTask { $0?.cancel() }
            return try await get(connections)
        }
        let failure = await error { try await call.value }
        #expect(failure?.code == .cancelled)
        #expect(failure?.reason == Reason.none)
        await connections.close()
        try await server.stop()
    }

    private func start(_ connections: NodeConnections, _ key: String) async -> Result<GetResponse, RPCError> {
        await withCheckedContinuation { continuation in
            _ = connections.start(GetRequest(key: Array(key.utf8)), to: "n1", timeoutMilliseconds: 30_000) {
                continuation.resume(returning: $0)
            }
        }
    }

    /// The first one while the connection is being made, the second on an open one, the third on a lost one.
    @Test func aStartedCallTellsItsOutcomeOnce() async throws {
        let server = try await ScriptedServer.start { header, payload, peer in
            if header.type == FrameType.request.rawValue, (try! GetRequest(decoding: payload)).key == Array("cut".utf8)
            {
                peer.cut()
            } else {
                Self.echo(header, payload, peer)
            }
        }
        let connections = connect(server)
        for key in ["early", "open"] { #expect(try await start(connections, key).get().value == Array(key.utf8)) }
        let cut = await start(connections, "cut")
        #expect(throws: RPCError.self) { try cut.get() }
        if case .failure(let error) = cut { #expect(error.reason == .indeterminate) }
        #expect(try await start(connections, "again").get().value == Array("again".utf8))
        await connections.close()
        let closed = await start(connections, "closed")
        #expect(throws: RPCError.self) { try closed.get() }
        try await server.stop()
    }

    @Test(arguments: [false, true])
    func aStartedCallCanBeCancelled(isOpen: Bool) async throws {
        let server = try await ScriptedServer.start { _, _, _ in }
        let connections = connect(server)
        if isOpen { try await connections.connect(to: "n1", timeoutMilliseconds: 30_000) }
        let (results, continuation) = AsyncStream.makeStream(of: Result<GetResponse, RPCError>.self)
        let cancel = connections.start(GetRequest(key: [1]), to: "n1", timeoutMilliseconds: 30_000) {
            continuation.yield($0)
        }
        cancel()
        cancel()
        var iterator = results.makeAsyncIterator()
        let result = await iterator.next()
        guard case .failure(let error) = result else {
            Issue.record("the call ended with \(String(describing: result))")
            return
        }
        #expect(error.code == .cancelled)
        if isOpen { #expect(error.reason == .indeterminate, "the request is on its way") }
        await connections.close()
        try await server.stop()
    }

    /// Large requests go out of memory of their own, small ones through the shared buffer: the order and the bytes stay.
    @Test func largeAndSmallRequestsMix() async throws {
        var hello = ScriptedServer.defaultHello
        hello.maxPayloadBytes = 1 << 20
        let server = try await ScriptedServer.start(hello: hello) { header, payload, peer in
            guard header.type == FrameType.request.rawValue else { return }
            let request = try! SetRequest(decoding: payload)
            let sum = request.value.reduce(UInt64(request.value.count)) { $0 &* 31 &+ UInt64($1) }
            peer.answer(header, MutationResponse(superseded: Version(time: sum, writer: 1)))
        }
        let connections = connect(server)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<12 {
                group.addTask {
                    let count = number % 2 == 0 ? 100 + number : (64 << 10) + 1000 * number
                    let value = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* number) }
                    let sum = value.reduce(UInt64(count)) { $0 &* 31 &+ UInt64($1) }
                    let request = SetRequest(key: [1], value: value)
                    let answer = try await connections.send(request, to: "n1", timeoutMilliseconds: 30_000)
                    #expect(answer.superseded.time == sum)
                }
            }
            try await group.waitForAll()
        }
        await connections.close()
        try await server.stop()
    }

    @Test func errorsArriveWhole() async throws {
        let server = try await ScriptedServer.start { header, _, peer in
            let view = View(shard: 3, epoch: 4, members: [View.Member(node: "n2", address: "h", port: 5)])
            let sent = RPCError(
                .unavailable,
                "copying",
                reason: .notReady,
                retryAfterMilliseconds: 70,
                serverTimeMilliseconds: 9,
                view: view
            )
            let output = OutputBuffer(capacity: 1024)
            ResponseWriter().error(header.requestID, sent, to: output)
            peer.send(Array(output.bytes))
        }
        let connections = connect(server)
        let failure = await error { try await get(connections) }
        #expect(failure?.reason == .notReady)
        #expect(failure?.message == "copying")
        #expect(failure?.retryAfterMilliseconds == 70)
        #expect(failure?.serverTimeMilliseconds == 9)
        #expect(failure?.view?.members.first?.node == "n2")
        await connections.close()
        try await server.stop()
    }

    @Test func helloAndLoadAreReported() async throws {
        let hellos = Mutex<[Hello]>([])
        let (loads, told) = AsyncStream.makeStream(of: UInt16.self)
        let server = try await ScriptedServer.start { header, _, peer in
            peer.answer(header, GetResponse(wasFound: false), load: 77)
        }
        let connections = connect(server) { options in
            options.onHello = { _, hello in hellos.withLock { $0.append(hello) } }
            options.onLoad = { _, load in told.yield(load) }
        }
        _ = try await get(connections)
        #expect(hellos.withLock { $0 } == [ScriptedServer.defaultHello])
        #expect(await loads.first { _ in true } == 77)
        await connections.close()
        try await server.stop()
    }

    @Test func pingsAreAnswered() async throws {
        let (pings, answered) = AsyncStream.makeStream(of: FrameHeader.self)
        let server = try await ScriptedServer.start { header, payload, peer in
            if header.type == FrameType.ping.rawValue { answered.yield(header) }
            peer.send(frame(.ping, id: 5))
            Self.echo(header, payload, peer)
        }
        let connections = connect(server)
        _ = try await get(connections)
        let ping = await pings.first { _ in true }
        #expect(ping?.requestID == 5)
        #expect(ping?.flags == FrameFlags.acknowledgement)
        await connections.close()
        try await server.stop()
    }

    @Test func framesOfUnknownTypesAndNumbersAreSkipped() async throws {
        let server = try await ScriptedServer.start { header, payload, peer in
            var unknown = frame(.ping, payload: [1, 2, 3])
            unknown[4] = 200
            peer.send(unknown)
            peer.send(frame(.response, id: 0xdead_beef))
            Self.echo(header, payload, peer)
        }
        let connections = connect(server)
        #expect(try await get(connections) == "k")
        await connections.close()
        try await server.stop()
    }

    @Test func aRefusedConnectionIsRememberedAndTriedAgain() async throws {
        let server = try await ScriptedServer.start(Self.echo)
        let port = server.port
        let connections = connect(server)
        try await server.stop()
        for _ in 0..<3 {
            let failure = await error { try await get(connections) }
            #expect(failure?.code == .unavailable)
            #expect(failure?.reason == .refused)
        }
        let again = try await ScriptedServer.start(port: port, Self.echo)
        while true {
            do throws(RPCError) {
                #expect(try await get(connections) == "k")
                break
            } catch { try await Task.sleep(for: .milliseconds(5)) }
        }
        await connections.close()
        try await again.stop()
    }

    @Test func aChangedAddressIsFollowedAndPendingCallsFinish() async throws {
        let (requests, requested) = AsyncStream.makeStream(of: (FrameHeader, [UInt8], ScriptedServer.Peer).self)
        let old = try await ScriptedServer.start { header, payload, peer in requested.yield((header, payload, peer)) }
        let new = try await ScriptedServer.start { header, _, peer in
            peer.answer(header, GetResponse(value: Array("new".utf8), wasFound: true))
        }
        let connections = connect(old)
        async let pending = get(connections, "old")
        let (header, payload, peer) = await requests.first { _ in true }!
        connections.update(endpoints: ["n1": NodeEndpoint(host: "127.0.0.1", port: new.port)])
        #expect(try await get(connections) == "new")
        Self.echo(header, payload, peer)
        #expect(try await pending == "old")
        connections.update(endpoints: [:])
        let failure = await error { try await get(connections) }
        #expect(failure?.code == .unavailable)
        connections.learn("n1", at: NodeEndpoint(host: "127.0.0.1", port: new.port))
        #expect(try await get(connections) == "new")
        await connections.close()
        try await old.stop()
        try await new.stop()
    }

    @Test func closingEndsPendingAndLaterCalls() async throws {
        let (requests, requested) = AsyncStream.makeStream(of: Void.self)
        let server = try await ScriptedServer.start { _, _, _ in requested.yield() }
        let connections = connect(server)
        let call = Task { try await get(connections) }
        await requests.first { _ in true }
        await connections.close()
        let failure = await error { try await call.value }
        #expect(failure?.code == .cancelled)
        let later = await error { try await get(connections) }
        #expect(later?.code == .cancelled)
        try await server.stop()
    }

    @Test func aSilentConnectionIsGivenUp() async throws {
        let server = try await ScriptedServer.start { header, payload, peer in
            if peer.number > 1 { Self.echo(header, payload, peer) }
        }
        let connections = connect(server) { $0.silenceMilliseconds = 1 }
        try await connections.connect(to: "n1", timeoutMilliseconds: 30_000)
        let failure = await error { try await get(connections, timeoutMilliseconds: 30) }
        #expect(failure?.code == .deadlineExceeded)
        while true {
            do throws(RPCError) {
                #expect(try await get(connections, timeoutMilliseconds: 100) == "k")
                break
            } catch { #expect(error.code != .internal) }
        }
        await connections.close()
        try await server.stop()
    }
}
