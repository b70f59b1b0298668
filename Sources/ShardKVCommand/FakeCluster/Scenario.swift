import KVWire

/// What a scenario file tells: a cluster, how its nodes misbehave, what the client is to do, and what it must have done.
/// proto/conformance/scenarios/README.md describes the file.
struct Scenario {
    var title = ""
    /// All nodes, in the file's order; those in `unlisted` are not in the shard map, those in `down` refuse connections.
    var nodes: [String] = []
    var unlisted: Set<String> = []
    var down: Set<String> = []
    /// The members of shard 1, 2, …
    var shards: [[String]] = []
    var epoch: UInt64?
    /// How far the nodes' clock is ahead of this machine's.
    var clockOffsetMilliseconds: Int64 = 0
    var entries: [Entry] = []

    /// What happens, in this order.
    enum Entry {
        case rule(FaultRule)
        /// No rule so far applies any more.
        case forget
        case put(nodes: [String], key: [UInt8], value: [UInt8])
        /// The shard map's file changes.
        case remap(shard: Int, members: [String])
        /// From now on all nodes have this view of the shard.
        case serve(View)
        /// Nothing happens for a while.
        case pause(milliseconds: UInt32)
        case command(ClientCommand)
    }

    /// One line for the client, and what is expected of it.
    struct ClientCommand {
        let lineNumber: Int
        let line: [UInt8]
        var expectations: [ClientExpectation] = []
    }
}

/// What a fake node meets: a new connection, or a request.
enum NodeEvent: String, CaseIterable {
    case connect, get, set, delete, exchange

    var isWrite: Bool { self == .set || self == .delete }
}

/// Which nodes are meant.
enum NodeSelector: Hashable {
    case any
    case named(String)
    /// The node that got the first request of the command under way, and those that did not.
    case first, others

    init(_ word: String) {
        self =
            switch word {
            case "*": .any
            case "first": .first
            case "others": .others
            default: .named(word)
            }
    }

    /// - Parameter first: nil = no node was asked yet.
    func contains(_ node: String, first: String?) -> Bool {
        switch self {
        case .any: true
        case .named(let name): node == name
        case .first: node == first
        case .others: first != nil && node != first
        }
    }
}

/// How nodes treat the next requests of some kind.
struct FaultRule {
    let nodes: NodeSelector
    let events: Set<NodeEvent>
    /// How often it applies to each node; then the next rule does.
    let times: Int
    let action: FaultAction
}

/// What a node does instead of answering as it should.
struct FaultAction {
    enum Kind {
        /// Answers as it should.
        case honest
        /// Answers a read with this value, or with none.
        case value([UInt8]?)
        /// - Parameter tellsView: with the owners of the key's shard.
        case error(RPCError, clockOffsetMilliseconds: Int64, tellsView: Bool)
        /// Says that a greater version is in place, by so many milliseconds.
        case superseded(aheadMilliseconds: UInt64)
        /// Never answers.
        case hang
        /// Closes the connection without an answer, before or after it did what was asked.
        case cut(executes: Bool)
        /// Sends a part of the answer, then closes.
        case half
        /// Has this view of its shard from now on, and answers by it.
        case serve(View)
        /// Announces the end of the connection; `answers` what it received all the same, then closes.
        case goAway(RPCError, answers: Bool)
    }

    var kind: Kind
    var delayMilliseconds: Int64 = 0
    /// Frames that a client has to skip come before the answer.
    var isNoisy = false
    /// The answer comes a byte at a time.
    var isDripping = false

    /// The node does not say a thing.
    var isSilent: Bool {
        switch kind {
        case .hang, .cut: true
        default: false
        }
    }
}

/// What a client must have done by the end of a command.
struct ClientExpectation {
    let lineNumber: Int
    /// As it stands in the file.
    let text: String
    let check: Check

    enum Check {
        /// The reply, byte for byte.
        case reply([UInt8])
        /// The reply is an error with one of these codes.
        case fails(codes: [String])
        /// How many requests such nodes got.
        case asked(NodeSelector, Set<NodeEvent>, ClosedRange<Int>)
        /// No node got two requests of this kind.
        case eachOnce(Set<NodeEvent>)
        /// All writes carry the same version and the same deadline.
        case oneVersion
        /// So many versions came, and a write without one did not.
        case versions(ClosedRange<Int>)
        /// The last version is above all that were said to be in place.
        case aboveSuperseding
        /// The last version is as close to the nodes' clock.
        case nearClock(milliseconds: UInt64)
        /// A node was not asked again sooner than this after it had answered.
        case waited(NodeSelector, Set<NodeEvent>, milliseconds: Int64)
        /// Each request told a timeout of at most this.
        case timeout(Set<NodeEvent>, maxMilliseconds: UInt32)
        /// What each of these nodes holds; nil = nothing.
        case stored(nodes: [String], key: [UInt8], value: [UInt8]?)
    }
}
