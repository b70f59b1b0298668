import KVCore
import KVTransport
import KVWire
import NIOPosix
import Synchronization
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

        func attempt(_ sent: (_ waiter: any Wakeable, _ call: UInt32) -> Void) async throws -> Attempt {
            try await connections.attempt(GetRequest(key: [1]), to: "n1", timeoutMilliseconds: 30_000, sent)
        }

        /// An attempt that was left at once.
        func left() async throws -> Attempt.Late {
            let attempt = try await attempt { waiter, call in waiter.wake(call) }
            guard case .late(let follow) = attempt else { throw RPCError(.internal, "answered: \(attempt)") }
            return follow
        }

        func stop() async throws {
            await connections.close()
            try await scripted.stop()
        }
    }

    private let value = GetResponse(value: [7], wasFound: true)

    @Test func whatIsAnsweredInTimeIsNotLeftLater() async throws {
        let server = try await Server()
        try await server.connect()
        let waiting = Mutex<(waiter: any Wakeable, call: UInt32)?>(nil)
        let attempt = Task { try await server.attempt { waiter, call in waiting.withLock { $0 = (waiter, call) } } }
        let (request, peer) = try #require(await server.requests.first { _ in true })
        peer.answer(request, value)
        guard case .answered(let response) = try await attempt.value else {
            Issue.record("late")
            return
        }
        #expect(response.value == [7])
        let entry = waiting.withLock { $0 }
        let (waiter, call) = try #require(entry)
        waiter.wake(call)
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
        let next = Task { try await server.attempt { _, _ in } }
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
        guard case .late(let follow) = try await server.attempt({ _, _ in Issue.record("nothing was sent") }) else {
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
