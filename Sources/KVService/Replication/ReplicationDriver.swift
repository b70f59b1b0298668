package import KVWire
internal import Synchronization

/// Makes the calls that a node's replication wants, and reports their outcome to the node. How many are under way is the node's to
/// bound.
///
/// No task of its own: a call is made by the thread that brought its cause, and an answer is taken in by the thread that received
/// it. So a copy costs the receiving node one wake-up a page, and one for the pause after it.
package final class ReplicationDriver<Sender: RequestSender>: Sendable {
    /// Calls a function after so many milliseconds, on any thread.
    package typealias Timer = @Sendable (_ milliseconds: UInt64, _ body: @escaping @Sendable () -> Void) -> Void

    private let node: Node
    private let sender: Sender
    private let timer: Timer
    private let now: @Sendable () -> UInt64
    /// How often there were calls to take since one began to take them; 0 = nobody takes any.
    private let signals = Atomic(0)
    private let isStopped = Atomic(false)

    /// - Parameter now: the clock, milliseconds since 1970.
    package init(node: Node, sender: Sender, timer: @escaping Timer, now: @escaping @Sendable () -> UInt64) {
        self.node = node
        self.sender = sender
        self.timer = timer
        self.now = now
    }

    package func start() {
        node.onCalls { self.makeCalls() }
    }

    /// No call is made any more, and no outcome reported.
    package func stop() {
        isStopped.store(true, ordering: .releasing)
        node.onCalls(nil)
    }

    /// One at a time, and never from within itself: a call may end before it has begun, and cause another one.
    private func makeCalls() {
        guard signals.add(1, ordering: .acquiringAndReleasing).oldValue == 0 else { return }
        var seen = 1
        while seen > 0 {
            for call in node.takeCalls() { make(call) }
            seen = signals.subtract(seen, ordering: .acquiringAndReleasing).newValue
        }
    }

    private func make(_ call: PeerCall) {
        if call.delayMilliseconds > 0 { timer(call.delayMilliseconds) { self.send(call) } } else { send(call) }
    }

    private func send(_ call: PeerCall) {
        if isStopped.load(ordering: .acquiring) { return }
        sender.start(call.request, to: call.node, timeoutMilliseconds: call.timeoutMilliseconds) { result in
            if self.isStopped.load(ordering: .acquiring) { return }
            self.node.replied(call.token, result, now: self.now())
        }
    }
}
