import KVCore
import KVTransport
import KVWire
import NIOPosix
import Testing

/// Calls whose task may go on before the answer.
@Suite(.timeLimit(.minutes(1))) struct AttemptTests {
    private typealias Answer = Result<GetResponse, RPCError>

    /// Keeps the requests until a test answers them.
    private final class Server: Sendable {
        let connections: NodeConnections
        let requests: AsyncStream<(FrameHeader, ScriptedServer.Peer)>
        let cancels: AsyncStream<UInt32>
        private let scripted: ScriptedServer

        init() async throws {
            let (requests, requested) = AsyncStream.makeStream(of: (FrameHeader, ScriptedServer.Peer).self)
            let (cancels, cancelled) = AsyncStream.makeStream(of: UInt32.self)
            scripted = try await ScriptedServer.start { header, _, peer in
                if header.type == FrameType.request.rawValue { requested.yield((header, peer)) }
                if header.type == FrameType.cancel.rawValue { cancelled.yield(header.requestID) }
            }
            (self.requests, self.cancels) = (requests, cancels)
            connections = NodeConnections(
                endpoints: ["n1": NodeEndpoint(host: "127.0.0.1", port: scripted.port)],
                eventLoopGroup: MultiThreadedEventLoopGroup.singleton
            )
        }

        func connect() async throws { try await connections.connect(to: "n1", timeoutMilliseconds: 30_000) }

        func attempt(patience: UInt32, timeout: UInt32 = 30_000) async throws -> Attempt {
            try await connections.attempt(
                GetRequest(key: [1]),
                to: "n1",
                timeoutMilliseconds: timeout,
                patienceMilliseconds: patience
            )
        }

        /// An attempt whose answer does not come before the patience is over.
        func left(timeout: UInt32 = 30_000) async throws -> Attempt.Late {
            let attempt = try await attempt(patience: 1, timeout: timeout)
            guard case .late(let follow) = attempt else { throw RPCError(.internal, "answered: \(attempt)") }
            return follow
        }

        func stop() async throws {
            await connections.close()
            try await scripted.stop()
        }
    }

    /// Longer than a test takes.
    private let patience: UInt32 = 30_000
    private let value = GetResponse(value: [7], wasFound: true)

    @Test func whatIsAnsweredInTimeIsNotLeft() async throws {
        let server = try await Server()
        try await server.connect()
        let attempt = Task { try await server.attempt(patience: patience) }
        let (request, peer) = try #require(await server.requests.first { _ in true })
        peer.answer(request, value)
        guard case .answered(let response) = try await attempt.value else {
            Issue.record("late")
            return
        }
        #expect(response.value == [7])
        try await server.stop()
    }

    /// The timer that one with much patience has set does not keep one with little waiting, nor does that one end the first.
    @Test func eachHasItsOwnPatience() async throws {
        let server = try await Server()
        try await server.connect()
        let patient = Task { try await server.attempt(patience: patience) }
        let (request, peer) = try #require(await server.requests.first { _ in true })
        for _ in 0..<3 { _ = try await server.left() }
        peer.answer(request, value)
        guard case .answered = try await patient.value else {
            Issue.record("late")
            return
        }
        try await server.stop()
    }

    @Test func whatWasLeftEndsByItsDeadline() async throws {
        let server = try await Server()
        try await server.connect()
        let follow = try await server.left(timeout: 50)
        let (answers, answered) = AsyncStream.makeStream(of: Answer.self)
        _ = follow { answered.yield($0) }
        let answer = try #require(await answers.first { _ in true })
        let error = #expect(throws: RPCError.self) { try answer.get() }
        #expect(error?.code == .deadlineExceeded)
        #expect(error?.reason == .indeterminate)
        try await server.stop()
    }

    /// The answer comes after somebody asked for it, or before.
    @Test(arguments: [false, true])
    func whatWasLeftIsAnsweredOnce(isLate: Bool) async throws {
        let server = try await Server()
        try await server.connect()
        let follow = try await server.left()
        let (answers, answered) = AsyncStream.makeStream(of: Answer.self)
        let (request, peer) = try #require(await server.requests.first { _ in true })
        if isLate { _ = follow { answered.yield($0) } }
        peer.answer(request, value)
        peer.answer(request, value)
        // What comes on the same connection later is there later.
        let next = Task { try await server.attempt(patience: patience) }
        let (second, _) = try #require(await server.requests.first { _ in true })
        peer.answer(second, value)
        _ = try await next.value
        if !isLate { _ = follow { answered.yield($0) } }
        try await server.stop()
        answered.finish()
        var results: [Answer] = []
        for await answer in answers { results.append(answer) }
        #expect(results.count == 1)
        #expect(try results.first?.get().value == [7])
    }

    @Test func whatWasLeftCanBeCancelled() async throws {
        let server = try await Server()
        try await server.connect()
        let follow = try await server.left()
        let (answers, answered) = AsyncStream.makeStream(of: Answer.self)
        let (request, _) = try #require(await server.requests.first { _ in true })
        let cancel = follow { answered.yield($0) }
        cancel()
        cancel()
        let answer = try #require(await answers.first { _ in true })
        let error = #expect(throws: RPCError.self) { try answer.get() }
        #expect(error?.code == .cancelled)
        #expect(error?.reason == .indeterminate)
        #expect(await server.cancels.first { _ in true } == request.requestID)
        try await server.stop()
    }

    @Test func beforeHelloTheAnswerIsLateAtOnce() async throws {
        let server = try await Server()
        guard case .late(let follow) = try await server.attempt(patience: patience) else {
            Issue.record("answered")
            return
        }
        let (answers, answered) = AsyncStream.makeStream(of: Answer.self)
        _ = follow { answered.yield($0) }
        let (request, peer) = try #require(await server.requests.first { _ in true })
        peer.answer(request, value)
        #expect(try await answers.first { _ in true }?.get().value == [7])
        try await server.stop()
    }
}
