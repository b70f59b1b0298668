package import KVWire

/// Makes the calls that a node's handover wants, each in a task of its own, and reports their outcome to the node. How many
/// are under way is the coordinator's to bound.
package final class HandoverDriver<Sender: RequestSender>: Sendable {
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
    private func perform(_ call: HandoverCall) async {
        switch call {
        case .prepare(let token, let name, let request, let timeout):
            node.prepareReply(token, await send(request, to: name, timeout), now: now())
        case .offer(let token, let name, let request, let timeout):
            node.offerReply(token, await send(request, to: name, timeout), now: now())
        case .page(let token, let name, let request, let timeout):
            node.pageReply(token, await send(request, to: name, timeout), now: now())
        }
    }

    private func send<Request: RequestMessage>(
        _ request: Request,
        to name: String,
        _ timeoutMilliseconds: UInt32
    ) async -> Result<Request.Response, RPCError> {
        do throws(RPCError) {
            return .success(try await sender.send(request, to: name, timeoutMilliseconds: timeoutMilliseconds))
        } catch {
            return .failure(error)
        }
    }
}
