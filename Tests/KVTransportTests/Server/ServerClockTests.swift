import Glibc
import KVCore
import KVWire
import Logging
import Synchronization
import Testing

@testable import KVTransport

/// What a server takes for now while it is short of time.
struct ServerClockTests {
    /// Whoever asks when a deadline has passed must not be answered by a time before it: the batches of one pass, however long
    /// it takes, are each answered by a time of their own.
    @Test func aBatchIsAnsweredByATimeAfterTheOneBeforeIt() throws {
        let log = SlowHandler.Log()
        let configuration = ServerConfiguration(host: "127.0.0.1", port: 0)
        let server = EpollServer(configuration: configuration, logger: Logger(label: "test")) { _ in SlowHandler(log) }
        let address = try server.start()
        defer { server.shutDown() }
        let clients = try (0..<3).map { _ in try TestClient(address) }
        for client in clients {
            try client.send(Preface.bytes)
            #expect(try client.receive()?.header.type == FrameType.hello.rawValue)
        }
        // The first one holds the loop up until the others have asked, so that these are answered in one pass.
        try clients[0].get("hold", requestID: 1)
        try eventually("the loop is held up") { log.isHeld.load(ordering: .acquiring) }
        // Two each: those that come alone share a time.
        let batch = TestClient.get("slow", requestID: 2) + TestClient.get("slow", requestID: 3)
        for client in clients[1...] { try client.send(batch) }
        // So that their requests are in the server's sockets.
        usleep(50_000)
        log.isHeld.store(false, ordering: .releasing)
        for client in clients { #expect(try client.receive() != nil) }

        let batches = log.batches.withLock { $0 }
        #expect(batches.count == 3)
        for (earlier, later) in zip(batches, batches.dropFirst()) { #expect(later.now >= earlier.endedAt) }
    }
}

/// Notes by which time each batch was answered, and when that was done.
private final class SlowHandler: RequestHandler {
    final class Log: Sendable {
        let isHeld = Atomic(false)
        let batches = Mutex<[(now: UInt64, endedAt: UInt64)]>([])
    }

    private let log: Log
    private let writer = ResponseWriter()

    init(_ log: Log) { self.log = log }

    func handle(
        _ requests: UnsafeBufferPointer<RequestFrame>,
        now: UInt64,
        outputLimit: Int,
        output: OutputBuffer
    ) -> Int {
        if log.batches.withLock({ $0.isEmpty }) {
            log.isHeld.store(true, ordering: .releasing)
            for _ in 0..<2000 where log.isHeld.load(ordering: .acquiring) { usleep(5000) }
        } else {
            usleep(20_000)
        }
        for request in requests { writer.mutation(request.requestID, to: output) }
        log.batches.withLock { $0.append((now, LoopClock(offset: 0).now)) }
        return requests.count
    }

    func hello(now: UInt64) -> Hello {
        Hello(serverTimeMilliseconds: now, limits: Limits(), node: "n1", serverVersion: "1.0.0", mapEpoch: 7)
    }

    func maintain(now: UInt64) -> Int { 1000 }
}
