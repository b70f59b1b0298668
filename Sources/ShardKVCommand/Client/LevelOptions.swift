public import ArgumentParser
public import ShardKV

extension ReadLevel: ExpressibleByArgument {}
extension WriteLevel: ExpressibleByArgument {}
extension ShardKVClient.Balancing: ExpressibleByArgument {}

/// How many replicas a read asks.
struct ReadLevelOption: ParsableArguments {
    @Option(help: "How many replicas a read asks: one, or a quorum whose newest value counts. (default: one)")
    var readLevel: ReadLevel?
}

/// How many replicas a write waits for.
struct WriteLevelOption: ParsableArguments {
    @Option(help: "How many replicas must have a write: one, a quorum or all. It goes to all of them. (default: all)")
    var writeLevel: WriteLevel?
}

extension ClientOptions {
    /// A level is of the replicas, --node addresses one of them.
    func validate(levels isGiven: Bool) throws {
        if node != nil && isGiven { throw ValidationError("With --node there is no level: it addresses one replica") }
    }
}
