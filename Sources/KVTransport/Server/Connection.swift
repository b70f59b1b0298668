internal import Glibc
internal import KVCore
internal import KVWire

/// One client, owned by one loop. It lives in raw memory that its loop frees: nothing on the way of a request counts
/// references.
struct Connection: ~Copyable {
    typealias Pointer = UnsafeMutablePointer<Connection>

    enum Phase {
        case open
        /// A last frame is on its way out.
        case closing
        /// Everything is sent; what still arrives is thrown away, so that the client can read the last frame.
        case lingering
    }

    let socket: Int32
    var protocolState: ServerConnection
    var phase = Phase.open
    /// What arrived and is not handled yet: an incomplete frame, or whole ones that wait for `output` to drain.
    var input = ByteQueue()
    /// How many bytes the incomplete frame at the start of `input` needs in all; 0 = whole frames wait.
    var bytesNeeded = 0
    /// When the pass began that read last, in the loop's busy time.
    var readAt: UInt64 = 0
    var output = ByteQueue()
    /// It was told that the server is draining.
    var knowsDraining = false
    /// The epoll events that it is registered for.
    var interest: UInt32
    /// When it is closed unless something happens before, on the monotonic clock; 0 = never.
    var deadline: UInt64
    /// Its place in its loop's list.
    var index = 0
    /// What the server's budgets were charged for it.
    var chargedInputBytes = 0
    var chargedOutputBytes = 0

    init(socket: Int32, limits: Limits, interest: UInt32, deadline: UInt64) {
        self.socket = socket
        protocolState = ServerConnection(limits: limits)
        self.interest = interest
        self.deadline = deadline
    }

    /// It holds nothing, owes nothing and waits for requests, without a deadline: what it always does between two of them.
    var isAtRest: Bool {
        input.capacity | output.capacity | chargedInputBytes | chargedOutputBytes == 0
            && deadline == 0 && interest == Epoll.readable && phase == .open
    }

    /// Whole frames wait until the output has drained.
    var hasWaitingFrames: Bool { bytesNeeded == 0 && !input.isEmpty }

    static func make(socket: Int32, limits: Limits, interest: UInt32, deadline: UInt64) -> Pointer {
        let connection = Pointer.allocate(capacity: 1)
        connection.initialize(
            to: Connection(socket: socket, limits: limits, interest: interest, deadline: deadline)
        )
        return connection
    }

    /// Closes the socket and frees the connection.
    static func destroy(_ connection: Pointer) {
        close(connection.pointee.socket)
        connection.deinitialize(count: 1)
        connection.deallocate()
    }
}
