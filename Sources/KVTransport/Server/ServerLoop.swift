internal import CLinux
internal import Glibc
internal import KVCore
internal import KVWire
internal import Logging
internal import Synchronization

/// One thread of the server: waits for its connections' events and handles each with one read, one batch and one
/// write, in buffers that all its connections share. Requests that come alone are read from several connections before
/// they are answered.
///
/// A connection is registered for reading or for writing, never for both: while it has unsent responses nothing more
/// is read from it. So a client that never reads costs one output limit, one response and one read.
struct ServerLoop: ~Copyable {
    let configuration: ServerConfiguration
    let logger: Logger
    let gauges: ServerGauges
    let mailbox: LoopMailbox
    var clock: LoopClock
    /// The responses of the connection that is being handled; empty between two.
    let output = OutputBuffer(capacity: ServerLoop.bufferBytes)
    /// Read, and not answered yet; empty between two passes.
    var loneRequests = LoneRequests()
    private let input = UnsafeMutableRawBufferPointer.allocate(
        byteCount: ServerLoop.bufferBytes + LoneRequests.mostBytes,
        alignment: 64
    )
    var connections: [Connection.Pointer] = []
    var nextDeadlineCheck = UInt64.max
    /// When the pass read its first requests, in milliseconds since 1970; nil = it has not yet.
    var firstReadAt: UInt64?
    var queue: StandingQueue
    /// How many connections wait for their clients to read, or for their turn.
    var waitingCount = 0
    /// Only in the loop that accepts.
    var acceptor: Acceptor?
    private var isDraining = false
    /// Some connections are not told yet that the server is draining.
    private var owesGoAway = false

    static let bufferBytes = 256 << 10
    /// An idle loop wakes this often.
    private static let longestWaitMilliseconds: UInt64 = 1000
    /// All connections are looked through for passed deadlines, so not too often.
    static let deadlineCheckMilliseconds: UInt64 = 100

    init(
        configuration: ServerConfiguration,
        logger: Logger,
        gauges: ServerGauges,
        mailbox: LoopMailbox,
        acceptor: Acceptor?
    ) {
        self.configuration = configuration
        clock = LoopClock(offset: configuration.clockOffsetMilliseconds)
        queue = StandingQueue(maxWaitMilliseconds: configuration.maxWaitMilliseconds)
        self.logger = logger
        self.gauges = gauges
        self.mailbox = mailbox
        self.acceptor = acceptor
        acceptor?.open(on: mailbox.epoll)
    }

    deinit { input.deallocate() }

    /// Where to read: behind the requests that wait. Called, it would be given a copy of the loop.
    @inline(__always)
    var readBuffer: UnsafeMutableRawBufferPointer {
        UnsafeMutableRawBufferPointer(rebasing: input[loneRequests.byteCount...])
    }

    /// Runs until the server stops.
    mutating func run(handler: some RequestHandler) {
        let events = UnsafeMutableBufferPointer<epoll_event>.allocate(capacity: 256)
        defer { events.deallocate() }
        var nextMaintenance: UInt64 = 0

        while true {
            let busy = waitingCount > 0 ? clock.busyNow : nil
            let count = mailbox.epoll.wait(events, timeoutMilliseconds: waitMilliseconds(nextMaintenance))
            if let busy { clock.beginPass(after: busy) } else { clock.beginPass() }
            handler.beginPass()
            firstReadAt = nil
            if mailbox.hasHandovers { takeHandovers() }
            if gauges.isStopping.load(ordering: .acquiring) { return closeAll() }
            for event in events[..<count] {
                switch event.data.u64 {
                case LoopMailbox.alarmToken: mailbox.silenceAlarm()
                case LoopMailbox.listenerToken: accept()
                case let token:
                    let connection = Connection.Pointer(bitPattern: UInt(token))!
                    handle(connection, events: event.events, handler: handler)
                }
            }
            answerLoneRequests(handler: handler)
            if !isDraining, gauges.isDraining.load(ordering: .acquiring) { beginDraining() }
            if owesGoAway { sayGoAway() }
            if clock.monotonic >= nextMaintenance {
                // Much work of its own takes its turn where requests come all the time, and all the turns where none do.
                let pause = max(count > 0 ? 1 : 0, handler.maintain(now: clock.now))
                nextMaintenance = clock.monotonic + UInt64(pause)
            }
            if clock.monotonic >= nextDeadlineCheck { checkDeadlines() }
            acceptor?.resumeIfDue(at: clock.monotonic, on: mailbox.epoll)
        }
    }

    private func waitMilliseconds(_ nextMaintenance: UInt64) -> Int {
        let next = min(nextMaintenance, nextDeadlineCheck, acceptor?.resumesAt ?? .max)
        return next <= clock.monotonic ? 0 : Int(min(next - clock.monotonic, Self.longestWaitMilliseconds))
    }

    private mutating func takeHandovers() {
        var arrived: [Connection.Pointer] = []
        mailbox.takeHandovers { arrived.append($0) }
        for connection in arrived {
            connection.pointee.index = connections.count
            connections.append(connection)
            expect(connection, by: connection.pointee.deadline)
        }
        // Only after this pass's events: it may end a connection that has one.
        owesGoAway = isDraining && !arrived.isEmpty
    }

    private mutating func beginDraining() {
        isDraining = true
        owesGoAway = true
        acceptor?.close()
        acceptor = nil
    }

    private mutating func sayGoAway() {
        owesGoAway = false
        // Backwards: a connection that turns out to be broken is replaced by the last in the list.
        for connection in connections.reversed() where !connection.pointee.knowsDraining { sayGoAway(connection) }
    }

    private mutating func closeAll() {
        acceptor?.close()
        acceptor = nil
        while let connection = connections.last { close(connection) }
    }

    private mutating func checkDeadlines() {
        nextDeadlineCheck = .max
        for connection in connections.reversed() {
            let deadline = connection.pointee.deadline
            if deadline == 0 { continue }
            if deadline <= clock.monotonic { close(connection) } else { expect(connection, by: deadline) }
        }
    }

    /// Closes `connection` at `deadline` of the monotonic clock unless it is told otherwise before; 0 = never.
    mutating func expect(_ connection: Connection.Pointer, by deadline: UInt64) {
        connection.pointee.deadline = deadline
        if deadline == 0 || deadline >= nextDeadlineCheck { return }
        nextDeadlineCheck = max(deadline, clock.monotonic + Self.deadlineCheckMilliseconds)
    }

    /// Ends a connection at once and frees it.
    mutating func close(_ connection: Connection.Pointer) {
        connection.pointee.input.clear()
        connection.pointee.output.clear()
        _ = chargeMemory(of: connection)
        if connection.pointee.interest == Epoll.writable { waitingCount -= 1 }
        let index = connection.pointee.index
        let last = connections.removeLast()
        if last != connection {
            connections[index] = last
            last.pointee.index = index
        }
        Connection.destroy(connection)
        gauges.connectionCount.subtract(1, ordering: .relaxed)
    }
}
