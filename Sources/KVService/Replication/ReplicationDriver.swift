package import KVWire

/// Makes the calls that a node's replication wants, each in a task of its own, and reports their outcome to the node. How many
/// are under way is the node's to bound.
package final class ReplicationDriver<Sender: RequestSender>: Sendable {
    private let node: Node
    private let sender: Sender
    private let now: @Sendable () -> UInt64

    /// - Parameter now: the clock, milliseconds since 1970.
    package init(node: Node, sender: Sender, now: @escaping @Sendable () -> UInt64) {
        self.node = node
        self.sender = sender
        self.now = now
    }

    /// Runs until its task is cancelled.
    package func run() async {
        let (signals, continuation) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        node.onCalls { continuation.yield() }
        await withDiscardingTaskGroup { group in
            for await _ in signals {
                for call in node.takeCalls() {
                    group.addTask { await self.perform(call) }
                }
            }
            group.cancelAll()
        }
    }

    @concurrent
    private func perform(_ call: PeerCall) async {
        if call.delayMilliseconds > 0 { try? await Task.sleep(for: .milliseconds(call.delayMilliseconds)) }
        do throws(RPCError) {
            let response = try await sender.send(
                call.request,
                to: call.node,
                timeoutMilliseconds: call.timeoutMilliseconds
            )
            node.replied(call.token, .success(response), now: now())
        } catch {
            node.replied(call.token, .failure(error), now: now())
        }
    }
}
