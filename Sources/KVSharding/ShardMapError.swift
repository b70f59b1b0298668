extension ShardMap {
    /// One thing that is wrong in a shard map, and where: a path such as `shards."9"[2]`, or a line and column.
    package struct Fault: Sendable, Hashable, CustomStringConvertible {
        package let place: String
        package let message: String

        package init(place: String, message: String) {
            self.place = place
            self.message = message
        }

        package var description: String { "\(place): \(message)" }
    }
}

/// Why a shard map was refused: every fault found, at least one.
package struct ShardMapError: Error, Hashable, CustomStringConvertible {
    package let faults: [ShardMap.Fault]

    package init(faults: [ShardMap.Fault]) {
        precondition(!faults.isEmpty, "an error names at least one fault")
        self.faults = faults
    }

    init(place: String, message: String) {
        self.init(faults: [ShardMap.Fault(place: place, message: message)])
    }

    /// All faults, one per line.
    package var description: String {
        faults.map(\.description).joined(separator: "\n")
    }

    /// One line of bounded length for a log: the first fault, and how many more there are.
    package var summary: String {
        faults.count == 1 ? "\(faults[0])" : "\(faults[0]) (and \(faults.count - 1) more)"
    }

    /// The same faults, each with the name of its file in front.
    package func located(in file: String) -> ShardMapError {
        ShardMapError(faults: faults.map { ShardMap.Fault(place: "\(file): \($0.place)", message: $0.message) })
    }
}
