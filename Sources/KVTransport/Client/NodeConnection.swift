internal import KVWire
internal import NIOCore
internal import Synchronization

/// One TCP connection to a node, shared by all callers.
///
/// Callers encode straight into one buffer under the lock; the first to append schedules the write of all of it on the event
/// loop. The event loop parses all that a read brought, then resumes all of its callers. No promise and no hop per
/// call.
///
/// ```
/// connecting ──HELLO──▶ open ──GOAWAY or `retire`──▶ draining ──last answer──▶ ended
///      └───────────────────┴──── failure, `end` ────────┴──────────────────────▶ ended
/// ```
/// Requests leave in `open` only, so that a node which says no HELLO has certainly executed none.
final class NodeConnection: Sendable {
    /// The errors are boxed, so that the usual outcome is small.
    enum Outcome: Sendable {
        case reply(ResponseReader.Frame)
        indirect case failed(RPCError)
        /// The request did not leave, because this connection ends; another one may take it.
        indirect case unsent(RPCError)
        /// The request did not leave, because there is no HELLO yet: wait for it.
        case tooEarly
        /// The caller waits no longer; the answer is still due.
        case late(LateCall)
    }

    /// Is told a call's outcome once, on any thread, with no lock held.
    enum Completion: Sendable {
        /// The task that waits. Unchecked, which saves the two objects of a checked one: whoever ends a call takes it out of the
        /// table first, so it is one only.
        case task(UnsafeContinuation<Outcome, Never>)
        case handler(@Sendable (Outcome) -> Void)
        /// The task went on.
        case late(LateCall)

        func callAsFunction(_ outcome: Outcome) {
            switch self {
            case .task(let continuation): continuation.resume(returning: outcome)
            case .handler(let handle): handle(outcome)
            case .late(let call): call.end(outcome)
            }
        }
    }

    /// A call that waits, for its answer or for HELLO.
    struct Call {
        var completion: Completion
        let deadline: Int64
        /// When its task goes on without the answer; `never` for most.
        var leavesAt: Int64
        /// Where its request starts in all the bytes of this connection; `notAppended` for one that waits for HELLO.
        let position: UInt64

        static let notAppended = UInt64.max
        static let never = Int64.max

        var isAppended: Bool { position != Self.notAppended }
    }

    enum Phase {
        case connecting
        case open(maxPayloadBytes: Int)
        case draining(RPCError)
        case ended(RPCError)
    }

    /// What the owner of the connection is told, once each.
    enum Notice {
        case reached(Hello)
        /// No more calls are to be given to this connection.
        case unusable(hadHello: Bool, RPCError)
        case ended
    }

    struct State: ~Copyable {
        var phase = Phase.connecting
        var channel: (any Channel)?
        var calls = SlotTable<Call>()
        /// What waits to be written: `queue`, and behind it `output`, to which callers append.
        var queue: [ByteBuffer] = []
        var output = ByteBuffer()
        /// An event-loop task that will write `output` and set the timer is on its way.
        var isFlushScheduled = false
        /// How many bytes were appended, handed to the channel, and taken by the socket, ever.
        var appended: UInt64 = 0
        var flushed: UInt64 = 0
        var written: UInt64 = 0
        /// When the timer is to fire; it is set by the next flush if `isTimerDue`.
        var timerAt = Int64.max
        var isTimerDue = false
        /// The one that was set last.
        var timer: NIOScheduledCallback?
        /// Since when answers have been due and nothing has arrived; nil = none are due.
        var silentSince: Int64?
    }

    let node: String
    let endpoint: NodeEndpoint
    let options: ConnectionOptions
    let eventLoop: any EventLoop
    let state = Mutex(State())
    let notify: @Sendable (NodeConnection, Notice) -> Void

    init(
        node: String,
        endpoint: NodeEndpoint,
        options: ConnectionOptions,
        eventLoop: any EventLoop,
        notify: @escaping @Sendable (NodeConnection, Notice) -> Void
    ) {
        self.node = node
        self.endpoint = endpoint
        self.options = options
        self.eventLoop = eventLoop
        self.notify = notify
    }

    /// HELLO is in; calls are not too early from then on.
    var isOpen: Bool {
        state.withLock { if case .connecting = $0.phase { false } else { true } }
    }

    /// Milliseconds of the clock that deadlines are of.
    static var now: Int64 { Int64(NIODeadline.now().uptimeNanoseconds / 1_000_000) }
}

extension NodeConnection.Outcome {
    /// What the end of a call on an open connection means to its caller.
    func result<Request: RequestMessage>(of type: Request.Type) -> Result<Request.Response, RPCError> {
        switch self {
        case .reply(let frame):
            guard frame.isOK else { return .failure(frame.error) }
            do throws(RPCError) { return .success(try frame.decode(Request.Response.self)) } catch {
                return .failure(error)
            }
        case .failed(let error), .unsent(let error): return .failure(error)
        case .tooEarly, .late: preconditionFailure("the connection was open, and this is the end")
        }
    }
}
