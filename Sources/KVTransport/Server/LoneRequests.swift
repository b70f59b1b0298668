internal import KVWire

/// Small requests, each all that was read of its connection, that wait to be answered one after the other: so their
/// handler can load what they need from memory at once. The owner keeps their bytes where they were read.
///
/// The last to come is answered first: whoever is answered last has not asked again when the next pass looks who has, comes last in the one
/// after that, and would wait for both.
struct LoneRequests: ~Copyable {
    struct Arrival {
        let connection: Connection.Pointer
        let bytes: UnsafeRawBufferPointer
    }

    private(set) var count = 0
    /// The memory that their bytes take, from its beginning on.
    private(set) var byteCount = 0
    private let arrivals = UnsafeMutablePointer<Arrival>.allocate(capacity: Self.capacity)
    private let frames = UnsafeMutablePointer<RequestFrame>.allocate(capacity: Self.capacity)

    /// Enough to hide the memory's latency, few enough that the first one hardly waits.
    private static let capacity = 16
    /// A longer one costs more than the latency that is to be hidden.
    private static let longestBytes = 4096
    static let mostBytes = capacity * longestBytes

    deinit {
        arrivals.deallocate()
        frames.deallocate()
    }

    var isFull: Bool { count == Self.capacity }

    /// In the order in which they are answered.
    var requests: UnsafeBufferPointer<RequestFrame> { UnsafeBufferPointer(start: frames + first, count: count) }

    /// - Parameter index: of the request.
    subscript(index: Int) -> Arrival { arrivals[first + index] }

    private var first: Int { Self.capacity - count }

    /// Takes `bytes`, which lie behind those of the others, if they are nothing but a small request. There must be room.
    mutating func take(_ bytes: UnsafeRawBufferPointer, of connection: Connection.Pointer) -> Bool {
        guard bytes.count <= Self.longestBytes, let frame = connection.pointee.protocolState.loneRequest(bytes) else {
            return false
        }
        count += 1
        (arrivals + first).initialize(to: Arrival(connection: connection, bytes: bytes))
        (frames + first).initialize(to: frame)
        byteCount += bytes.count
        return true
    }

    mutating func removeAll() {
        count = 0
        byteCount = 0
    }
}

extension ServerLoop {
    /// Reads behind the rest of the last read, in the loop's buffer.
    mutating func read(_ connection: Connection.Pointer, handler: some RequestHandler) {
        let buffer = readBuffer
        let rest = connection.pointee.input.count
        if rest > 0 { buffer.copyMemory(from: connection.pointee.input.bytes) }
        guard let arrived = receive(connection, into: UnsafeMutableRawBufferPointer(rebasing: buffer[rest...]))
        else { return }
        let bytes = UnsafeRawBufferPointer(start: buffer.baseAddress, count: rest + arrived)
        if loneRequests.take(bytes, of: connection) {
            if loneRequests.isFull { answerLoneRequests(handler: handler) }
        } else {
            answerRead(bytes, of: connection, handler: handler)
        }
    }

    mutating func answerLoneRequests(handler: some RequestHandler) {
        guard loneRequests.count > 0 else { return }
        defer { loneRequests.removeAll() }
        // After the last of them was read, and so for all.
        let now = clock.now
        let patience = refusedPatience(readAt: clock.busy, now: now)
        if patience > 0 && loneRequests.requests.contains(where: { $0.waitsNoLonger(than: patience) }) {
            for index in 0..<loneRequests.count {
                let arrival = loneRequests[index]
                answerRead(arrival.bytes, of: arrival.connection, handler: handler)
            }
            return
        }
        // Beside a closure that may change the loop, what the loop owns would be counted as used.
        Unmanaged.passUnretained(output)._withUnsafeGuaranteedRef { output in
            handler.handleEach(loneRequests.requests, now: now, output: output) { index in
                let connection = loneRequests[index].connection
                if !connection.pointee.input.isEmpty { connection.pointee.input.clear() }
                finish(connection)
            }
        }
    }

    /// Answers what the loop's buffer holds, and keeps the rest.
    private mutating func answerRead(
        _ bytes: UnsafeRawBufferPointer,
        of connection: Connection.Pointer,
        handler: some RequestHandler
    ) {
        let progress = answer(bytes, of: connection, handler: handler)
        if progress.consumed < bytes.count {
            connection.pointee.input.replace(with: UnsafeRawBufferPointer(rebasing: bytes[progress.consumed...]))
        } else if !connection.pointee.input.isEmpty {
            connection.pointee.input.clear()
        }
        finish(connection, progress)
    }
}
