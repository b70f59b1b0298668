internal import NIOCore

/// One direction of a proxied connection: holds what has arrived until it is due and its way is open. Lives on one event loop.
final class Pipe {
    private enum Item {
        case bytes(ByteBuffer)
        /// The sender has closed.
        case end
    }

    /// Whether anything passes now.
    var isOpen: Bool { didSet { pump() } }
    /// How long each piece is under way.
    var delay: TimeAmount
    /// Where it goes, once connected.
    var target: (any Channel)? { didSet { pump() } }

    private let loop: any EventLoop
    private var items: [(due: NIODeadline, item: Item)] = []
    /// A timer will look at what is due.
    private var isTimerSet = false

    init(loop: any EventLoop, isOpen: Bool, delay: TimeAmount) {
        self.loop = loop
        self.isOpen = isOpen
        self.delay = delay
    }

    func append(_ bytes: ByteBuffer) { append(.bytes(bytes)) }

    func end() { append(.end) }

    private func append(_ item: Item) {
        // Order is kept even if the delay has just been shortened.
        let due = max(NIODeadline.now() + delay, items.last?.due ?? .distantPast)
        items.append((due, item))
        pump()
    }

    private func pump() {
        guard isOpen, let target else { return }
        let now = NIODeadline.now()
        let count = items.firstIndex { $0.due > now } ?? items.count
        // Writing may bring more through this very pipe.
        let ready = Array(items[..<count])
        items.removeFirst(count)
        for (_, item) in ready {
            switch item {
            case .bytes(let bytes): target.writeAndFlush(bytes, promise: nil)
            case .end: target.close(promise: nil)
            }
        }
        guard let next = items.first, !isTimerSet else { return }
        isTimerSet = true
        loop.assumeIsolated().scheduleTask(deadline: next.due) {
            self.isTimerSet = false
            self.pump()
        }
    }
}

/// Puts what a channel receives into a pipe.
final class PipeInlet: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let pipe: Pipe

    init(_ pipe: Pipe) { self.pipe = pipe }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) { pipe.append(unwrapInboundIn(data)) }

    func channelInactive(context: ChannelHandlerContext) { pipe.end() }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}
